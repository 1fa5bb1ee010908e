"""Cgroups of the nodes, in every hierarchy of the machine: version 1, version 2, or both as on hybrid machines."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

_MOUNTS = Path("/sys/fs/cgroup")
_COPIED = ("cpuset.cpus", "cpuset.mems")
"""A new cpuset of version 1 is empty, and no process may enter it."""
_NEEDED = {"cpu", "cpuset", "memory", "pids"}
"""Controllers without which kubelet does not take a cgroup of version 2 for its root."""
_GONE_SECONDS = 10.0


def hierarchies() -> list[Path]:
    """Mount points of all hierarchies."""
    if (_MOUNTS / "cgroup.controllers").exists():
        return [_MOUNTS]
    return sorted({folder.resolve() for folder in _MOUNTS.iterdir() if folder.is_dir()})


def make(name: str) -> None:
    """Makes the cgroup `/NAME` in every hierarchy: kubelet wants its root to be there."""
    for hierarchy in hierarchies():
        folder = hierarchy / name.lstrip("/")
        folder.mkdir(exist_ok=True)
        _hand_down(hierarchy)
        for file in _COPIED:
            if (folder / file).exists() and (hierarchy / file).exists():
                (folder / file).write_text((hierarchy / file).read_text().strip())


def _hand_down(hierarchy: Path) -> None:
    """In version 2 a cgroup has the controllers that the one above it hands down."""
    offered = hierarchy / "cgroup.controllers"
    wanted = _NEEDED.intersection(offered.read_text().split()) if offered.exists() else ()
    if wanted:
        (hierarchy / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(wanted)))


def processes(name: str) -> set[int]:
    """Ids of all processes in the cgroup or below it."""
    found: set[int] = set()
    for folder in _below(name):
        with contextlib.suppress(OSError):
            found.update(map(int, (folder / "cgroup.procs").read_text().split()))
    return found


def folders_of(name: str, part: str) -> list[Path]:
    """Cgroups at any depth under `/NAME` whose own name contains `part`."""
    return [folder for folder in _below(name) if part in folder.name]


def remove(name: str) -> None:
    """Kills whatever runs in the cgroup and removes it with all below it; no error when there is none."""
    end = time.monotonic() + _GONE_SECONDS
    while left := processes(name):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    for folder in _below(name):
        with contextlib.suppress(OSError):
            folder.rmdir()


def leftovers(name: str) -> list[str]:
    """The cgroup's folders where they still are, and what still runs in it."""
    folders = [hierarchy / name.lstrip("/") for hierarchy in hierarchies()]
    return [f"cgroup {folder}" for folder in folders if folder.exists()]


def _below(name: str) -> Iterator[Path]:
    """Folders of the cgroup in all hierarchies, the deepest first."""
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy / name.lstrip("/"), topdown=False):
            yield Path(folder)
