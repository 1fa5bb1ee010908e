"""The folder of wheels: lists for the build, and whether a carried one fits. Nothing is downloaded here."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from images import wheels
from images.locks import environment_of, pins_of

PYTHON, MACHINE = "3.12", "x86_64"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Empty files under the names that wheels of the lock files have."""
    for image in (*wheels.IMAGES, "pip"):
        for pin in pins_of(wheels.LOCKS / f"{image}.lock", environment_of(PYTHON, MACHINE)):
            name = pin.name.replace("-", "_")
            (tmp_path / f"{name}-{pin.version}-py3-none-any.whl").write_text(f"{name}의 휠", encoding="utf-8")
    (tmp_path / "soban-0.1.0-py3-none-any.whl").write_text("소반", encoding="utf-8")
    return tmp_path


def test_lists_name_the_files_of_the_folder(folder: Path) -> None:
    """By their own hashes: one that is built here from a source archive has none in a lock file."""
    wheels.write_lists(folder, PYTHON, MACHINE)
    for image in wheels.IMAGES:
        lines = (folder / f"{image}.txt").read_text(encoding="utf-8").splitlines()
        assert f"soban==0.1.0 --hash=sha256:{hashlib.sha256('소반'.encode()).hexdigest()}" in lines
        assert all(re.fullmatch(r"[a-z0-9-]+==\S+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)
        pins = pins_of(wheels.LOCKS / f"{image}.lock", environment_of(PYTHON, MACHINE))
        assert len(lines) == len(pins) + 1


def test_pip_installs_and_is_not_installed(folder: Path) -> None:
    """It is in the folder and in no list."""
    wheels.write_lists(folder, PYTHON, MACHINE)
    for image in wheels.IMAGES:
        assert not re.search(r"^pip==", (folder / f"{image}.txt").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("python", "machine"), [("3.11", MACHINE), (PYTHON, "aarch64")])
def test_carried_wheels_are_for_one_python_and_machine(folder: Path, python: str, machine: str) -> None:
    """The error tells how to make others."""
    (folder / "key.txt").write_text(wheels._key(PYTHON, MACHINE), encoding="utf-8")
    wheels.check(folder, PYTHON, MACHINE)
    with pytest.raises(wheels.WheelsError, match=re.escape(f"make wheels ARGS='--python {python}'")):
        wheels.check(folder, python, machine)


def test_a_folder_that_was_not_filled_is_refused(tmp_path: Path) -> None:
    """In place of a build that ends in the middle."""
    with pytest.raises(wheels.WheelsError):
        wheels.check(tmp_path, PYTHON, MACHINE)


def test_wheels_run_on_the_c_library_of_the_base() -> None:
    """Debian 12 has glibc 2.36."""
    tags = wheels.platform_tags("aarch64")
    assert "manylinux2014_aarch64" in tags
    assert "manylinux_2_36_aarch64" in tags
    assert "manylinux_2_37_aarch64" not in tags
