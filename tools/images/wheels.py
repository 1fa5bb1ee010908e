"""Fills build/wheels: every wheel that the images install, ours among them, and a list with hashes for each image.

Downloads are checked against the lock files. What exists only as a source archive is checked, too, and then built here;
the lists therefore name the files of the folder, and inside the build pip accepts no others.
"""

import contextlib
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.utils import parse_wheel_filename

from images.locks import Pin, environment_of, pins_of

LOCKS = Path(__file__).parent
IMAGES = ("services", "engine")
# Data in a source archive: the wheel that comes of it is for every Python and machine.
SOURCE_ONLY = frozenset({"kiwipiepy-model"})
# C libraries that a base may have: glibc 2.17, the oldest of the manylinux tags, to Debian 12's 2.36.
GLIBC_MINORS = range(17, 37)
_KEY = "key.txt"


class WheelsError(Exception):
    """What a folder of wheels is not for, and how to make one that is."""


def version(root: Path) -> str:
    """Of the project, as pyproject.toml says."""
    with (root / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def collect(root: Path, folder: Path, python: str, machine: str, epoch: int) -> None:
    """`folder` as described above. What the lock files ask for is downloaded once for each change of theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    key = _key(python, machine)
    if not (folder / _KEY).exists() or (folder / _KEY).read_text(encoding="utf-8") != key:
        _fetch(folder, python, machine, epoch)
        (folder / _KEY).write_text(key, encoding="utf-8")
    for old in folder.glob("soban-*.whl"):
        old.unlink()
    _pip(["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, root], epoch)
    write_lists(folder, python, machine)


def check(folder: Path, python: str, machine: str) -> None:
    """That `folder`, carried from elsewhere, was made by these lock files for this Python. Raises WheelsError."""
    if not (folder / _KEY).exists() or (folder / _KEY).read_text(encoding="utf-8") != _key(python, machine):
        made = f"make wheels ARGS='--python {python}'"
        raise WheelsError(
            f"{folder} is not for this commit with Python {python} on {machine}: {made} makes such wheels"
        )


def write_lists(folder: Path, python: str, machine: str) -> None:
    """`services.txt` and `engine.txt`: our wheel and what it needs there, as requirements with hashes."""
    wheels = {str(parse_wheel_filename(path.name)[0]): path for path in sorted(folder.glob("*.whl"))}
    for image in IMAGES:
        names = [pin.name for pin in pins_of(LOCKS / f"{image}.lock", environment_of(python, machine))]
        lines = [_line(name, wheels[name]) for name in sorted(["soban", *names])]
        (folder / f"{image}.txt").write_text("".join(lines), encoding="utf-8")


def platform_tags(machine: str) -> list[str]:
    """Of wheels that run on `machine` with the base's C library."""
    return [f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS] + [f"manylinux2014_{machine}"]


def _key(python: str, machine: str) -> str:
    digest = hashlib.sha256()
    for lock in sorted(LOCKS.glob("*.lock")):
        digest.update(lock.read_bytes())
    return f"{python} {machine} {digest.hexdigest()}\n"


def _fetch(folder: Path, python: str, machine: str, epoch: int) -> None:
    for old in folder.glob("*.whl"):
        old.unlink()
    environment = environment_of(python, machine)
    pins = {pin for lock in (*IMAGES, "pip") for pin in pins_of(LOCKS / f"{lock}.lock", environment)}
    target = ["--python-version", python, "--implementation", "cp", "--only-binary", ":all:"]
    abis = [f"--abi={abi}" for abi in (f"cp{python.replace('.', '')}", "abi3", "none")]
    platforms = [f"--platform={tag}" for tag in platform_tags(machine)]
    with _requirements(pin for pin in pins if pin.name not in SOURCE_ONLY) as file:
        command: list[str | Path] = [
            "download",
            "--no-deps",
            "--require-hashes",
            "--dest",
            folder,
            *target,
            *abis,
            *platforms,
        ]
        _pip([*command, "-r", file], epoch)
    with _requirements(pin for pin in pins if pin.name in SOURCE_ONLY) as file:
        _pip(["wheel", "--no-deps", "--require-hashes", "--wheel-dir", folder, "-r", file], epoch)


@contextlib.contextmanager
def _requirements(pins: Iterable[Pin]) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.writelines(f"{pin.line()}\n" for pin in sorted(pins))
        file.flush()
        yield file.name


def _pip(arguments: list[str | Path], epoch: int) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, env=environment)


def _line(name: str, wheel: Path) -> str:
    version = re.split("-", wheel.name)[1]
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
