"""What is read from an image's archive: size and bill of materials, as buildah and as docker write it."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from images.archive import SBOM, read

BILL = '{"bomFormat": "CycloneDX", "이름": "소반"}'.encode()


def tar(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


@pytest.mark.parametrize("packed", [gzip.compress, bytes])
def test_size_and_bill_are_those_of_the_layers(tmp_path: Path, packed: Callable[[bytes], bytes]) -> None:
    """JSON beside them does not count; buildah packs layers, and docker does not."""
    base, ours = tar({"usr/bin/python3": b"\x7fELF" * 9000}), tar({SBOM: BILL, "opt/soban/bin/soban": b"#!"})
    archive = tmp_path / "soban.tar"
    files = {"index.json": b"{}", "blobs/sha256/1": packed(base), "blobs/sha256/2": packed(ours), "oci-layout": b""}
    archive.write_bytes(tar(files))
    found = read(archive)
    assert found.sbom == BILL
    whole = len(base) + len(ours)
    assert whole - 2 * tarfile.RECORDSIZE < found.unpacked <= whole


def test_an_image_without_a_bill_has_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(tar({"blobs/sha256/1": tar({"etc/hostname": b"ko"})}))
    assert read(tmp_path / "x.tar").sbom == b""
