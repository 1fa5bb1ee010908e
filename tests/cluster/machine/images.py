"""Images without a registry and without a builder: one static program in an OCI archive."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NOBODY = "65532:65532"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def program_archive(file: Path, name: str, program: Path, path: str, machine: str) -> Path:
    """Writes the archive of an image that holds one program and runs it as nobody.

    file     of the archive, in OCI's image layout as one tar
    name     of the image with its tag: `localhost/coredns:1.14.7`
    program  a static program of this machine
    path     where it lies in the image: `/coredns`
    machine  as `platform.machine()` says it
    """
    layer = _layer(program, path)
    config = {
        "architecture": _ARCHITECTURES[machine],
        "os": "linux",
        "config": {"Entrypoint": [path], "User": _NOBODY, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    blobs = Blobs()
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": blobs.add(_CONFIG, json.dumps(config).encode()),
        "layers": [blobs.add(_LAYER, layer)],
    }
    # containerd reads the first annotation, other programs the second.
    annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
    entry = blobs.add(_MANIFEST, json.dumps(manifest).encode()) | {"annotations": annotations}
    index = {"schemaVersion": 2, "manifests": [entry]}
    files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode()}
    file.parent.mkdir(parents=True, exist_ok=True)
    _write_tar(file, files | blobs.files)
    return file


class Blobs:
    """The contents of an image, each named by its digest."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def add(self, media_type: str, content: bytes) -> dict[str, Any]:
        """Takes one in and gives its descriptor."""
        digest = _digest(content)
        self.files[f"blobs/sha256/{digest.removeprefix('sha256:')}"] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _layer(program: Path, path: str) -> bytes:
    """A tar of the program and an empty /tmp."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.size, entry.mode = program.stat().st_size, 0o755
        with program.open("rb") as content:
            tar.addfile(entry, content)
    return buffer.getvalue()


def _write_tar(file: Path, files: Mapping[str, bytes]) -> None:
    with tarfile.open(file, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
