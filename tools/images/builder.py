"""What builds images: docker where its daemon answers, else buildah, which needs none."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_VERSION = re.compile(r"Python (\d+\.\d+)\.")


class BuildError(Exception):
    """Why no image can be built, and what would help."""


@dataclass(frozen=True)
class Target:
    """One image: a target of the Dockerfile, what it is called, what it stands on, where its archive goes."""

    target: str
    name: str
    base: str
    archive: Path
    args: Mapping[str, str]

    def options(self, epoch: int) -> list[str]:
        """As docker and buildah both take them."""
        given = {**self.args, "BASE": self.base, "SOURCE_DATE_EPOCH": str(epoch)}
        arguments = [part for key, value in given.items() for part in ("--build-arg", f"{key}={value}")]
        return ["--target", self.target, "--tag", self.name, *arguments]


class Builder(Protocol):
    """`docker` or `buildah`."""

    def base(self, rootfs: Path) -> str:
        """Name of a base image made of a tar archive, which alone decides what the image is."""

    def python_of(self, base: str) -> str:
        """Version of its Python, as 3.12. Raises BuildError."""

    def build(self, image: Target, epoch: int) -> None:
        """Builds it and writes its archive; `epoch` is the time, in seconds, that its files get."""


def builder(wanted: str | None, root: Path) -> Builder:
    """The one that is asked for, else docker if its daemon answers, else buildah. Raises BuildError."""
    if wanted in (None, "docker") and _works(["docker", "info"]):
        return Docker(root)
    if wanted in (None, "buildah") and shutil.which("buildah"):
        return Buildah(root)
    what = wanted or "docker (with a running daemon) or buildah"
    raise BuildError(f"images are built by {what}, which is not here; on Debian: apt-get install buildah")


class Docker:
    """BuildKit, as it comes with docker."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def base(self, rootfs: Path) -> str:
        """As `Builder.base`."""
        name = _base_name(rootfs)
        _run(["docker", "import", str(rootfs), name])
        return name

    def python_of(self, base: str) -> str:
        """As `Builder.python_of`."""
        return _version(["docker", "run", "--rm", base, "python3", "--version"], base)

    def build(self, image: Target, epoch: int) -> None:
        """As `Builder.build`."""
        _run(["docker", "build", *image.options(epoch), str(self._root)])
        image.archive.unlink(missing_ok=True)
        _run(["docker", "save", "--output", str(image.archive), image.name])


class Buildah:
    """Without a daemon, and with a storage of its own under build/, which `make clean` takes away."""

    def __init__(self, root: Path) -> None:
        self._root = root
        storage = root / "build" / "buildah"
        self._buildah = ["buildah", "--storage-driver", "vfs"]
        self._buildah += ["--root", str(storage / "root"), "--runroot", str(storage / "run")]

    def base(self, rootfs: Path) -> str:
        """As `Builder.base`; made once for each archive."""
        name = _base_name(rootfs)
        if _works([*self._buildah, "inspect", "--type", "image", name]):
            return name
        container = _output([*self._buildah, "from", "scratch"])
        try:
            _run([*self._buildah, "add", "--quiet", container, str(rootfs), "/"])
            _run([*self._buildah, "commit", "--quiet", "--timestamp", "0", container, name])
        finally:
            _run([*self._buildah, "rm", container])
        return name

    def python_of(self, base: str) -> str:
        """As `Builder.python_of`."""
        made = subprocess.run([*self._buildah, "from", base], capture_output=True, text=True, check=False)
        if made.returncode:
            raise BuildError(f"{base} cannot be had: {made.stderr.strip()}; `--base debian` needs no registry")
        container = made.stdout.strip().splitlines()[-1]
        try:
            run = [*self._buildah, "run", "--isolation", "chroot", container, "--", "python3", "--version"]
            return _version(run, base)
        finally:
            _run([*self._buildah, "rm", container])

    def build(self, image: Target, epoch: int) -> None:
        """As `Builder.build`."""
        how = ["--isolation", "chroot", "--network", "host", "--timestamp", str(epoch), "--layers=false", "--quiet"]
        _run([*self._buildah, "bud", *how, *image.options(epoch), str(self._root)])
        image.archive.unlink(missing_ok=True)
        _run([*self._buildah, "push", "--quiet", image.name, f"oci-archive:{image.archive}:{image.name}"])
        _run([*self._buildah, "rmi", image.name])


def _base_name(rootfs: Path) -> str:
    with rootfs.open("rb") as file:
        return f"localhost/soban/base:{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"


def _version(command: list[str], base: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = _VERSION.search(done.stdout + done.stderr)
    if found is None:
        raise BuildError(f"{base} has no python3, or cannot be run here: {done.stderr.strip()[-300:]}")
    return found[1]


def _works(command: list[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
