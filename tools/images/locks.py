"""What a lock file by `uv pip compile --generate-hashes` says for one Python and one machine."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ENTRY = re.compile(r"^([^\s#][^\\\n]*?) \\\n((?: +--hash=\S+(?: \\)?\n)+)", re.MULTILINE)


class Pin(NamedTuple):
    """One distribution: its name as PEP 503 writes it, its version, and the hashes that its files may have."""

    name: str
    version: str
    hashes: tuple[str, ...]

    def line(self) -> str:
        """For a requirements file of pip."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash={told}" for told in self.hashes)])


def pins_of(lock: Path, environment: Mapping[str, str]) -> list[Pin]:
    """Those whose markers hold in `environment`, in the order of the file."""
    found = []
    for text, hashes in _ENTRY.findall(lock.read_text(encoding="utf-8")):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(dict(environment)):
            (version,) = (specifier.version for specifier in requirement.specifier)
            name = canonicalize_name(requirement.name)
            found.append(Pin(name, version, tuple(re.findall(r"--hash=(\S+)", hashes))))
    return found


def environment_of(python: str, machine: str) -> dict[str, str]:
    """Markers of CPython `python` (as 3.12) on Linux. https://packaging.python.org/specifications/dependency-specifiers"""
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
