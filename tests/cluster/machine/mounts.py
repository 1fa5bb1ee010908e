"""Mounts below a folder: what containerd and kubelet mount and, when they are killed, leave."""

from __future__ import annotations

import subprocess
from pathlib import Path

_ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}


def below(folder: Path) -> list[Path]:
    """Mount points at or below the folder, the latest first."""
    points = [_unescaped(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [Path(point) for point in reversed(points) if Path(point).is_relative_to(folder)]


def remove(folder: Path) -> None:
    """Unmounts them all; what is busy leaves the tree now and goes when its last user does."""
    for point in below(folder):
        subprocess.run(["umount", str(point)], capture_output=True, check=False)
    for point in below(folder):
        subprocess.run(["umount", "--lazy", str(point)], capture_output=True, check=False)


def _unescaped(text: str) -> str:
    """A path as proc_pid_mountinfo(5) writes it, with its blanks back."""
    for escape, character in _ESCAPES.items():
        text = text.replace(escape, character)
    return text
