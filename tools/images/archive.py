"""Reads the archive of an image, as `buildah push oci-archive:` and `docker save` write it."""

import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

SBOM = "opt/soban/sbom.cdx.json"


class Contents(NamedTuple):
    """`unpacked` is bytes of all layers without compression; `sbom` is the bill of materials that one of them holds."""

    unpacked: int
    sbom: bytes


def read(archive: Path) -> Contents:
    """Goes through all layers once, which takes seconds for hundreds of megabytes. Raises OSError, tarfile.TarError."""
    unpacked, sbom = 0, b""
    with tarfile.open(archive) as files:
        for layer in _layers(files):
            for member in layer:
                file = layer.extractfile(member) if member.name == SBOM else None
                sbom = file.read() if file else sbom
            unpacked += layer.offset
    return Contents(unpacked, sbom)


def _layers(files: tarfile.TarFile) -> Iterator[tarfile.TarFile]:
    """Those files of an archive that are archives; the others are JSON."""
    for member in files:
        file = files.extractfile(member) if member.isfile() else None
        if file is not None:
            with suppress(tarfile.ReadError), tarfile.open(fileobj=file) as layer:
                yield layer
