"""The images of a run: what `make images` has left, and the values that make the chart use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

from cluster.builds import BuildError
from cluster.machine.bring_up import step

_ROOT = Path(__file__).resolve().parents[2]
ARCHIVES = _ROOT / "build" / "images"
KINDS = ("services", "engine")
_NAME = "org.opencontainers.image.ref.name"


def built() -> Path:
    """The folder of archives, built by the project's own tool on a base of Debian packages. Raises BuildError."""
    with step("images of the project"):
        done = subprocess.run(
            [sys.executable, "-m", "images", "build", "--base", "debian"],
            env={**os.environ, "PYTHONPATH": str(_ROOT / "tools")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        raise BuildError(f"the images were not built: {done.stdout[-2000:]}")
    return ARCHIVES


def archives(folder: Path) -> list[Path]:
    """One oci-archive for each kind of image. Raises FileNotFoundError that tells how to make them."""
    found = [next(folder.glob(f"*{kind}*.tar"), None) for kind in KINDS]
    if None in found:
        raise FileNotFoundError(f"{folder} lacks images of {' and '.join(KINDS)}; make them with: make images")
    return [file for file in found if file]


def name_of(archive: Path) -> str:
    """The name under which an archive's image is known, such as `localhost/soban/services:0.1.0`."""
    with tarfile.open(archive) as files:
        index = files.extractfile("index.json")
        assert index is not None
        name: str = json.load(index)["manifests"][0]["annotations"][_NAME]
    return name


def values_of(services: str, engine: str) -> dict[str, Any]:
    """Values of the chart for two names of images."""
    return {"image": _image(services), "engines": {"llamacpp": {"image": _image(engine)}}}


def _image(name: str) -> dict[str, str]:
    path, _, tag = name.rpartition(":")
    registry, _, repository = path.partition("/")
    return {"registry": registry, "repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"}
