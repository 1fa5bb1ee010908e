"""Limits of a container, as the files of its cgroup tell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from soban.generation.cgroup import cpu_limit, memory_limit

MIB = 2**20


def told(root: Path, **files: str) -> Path:
    """A cgroup's folder; `cpu__max` stands for the file cpu.max."""
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text, encoding="ascii")
    return root


def told_by_version_1(root: Path, quota: str, period: str, memory: str) -> Path:
    (root / "cpu").mkdir()
    (root / "memory").mkdir()
    (root / "cpu" / "cpu.cfs_quota_us").write_text(quota, encoding="ascii")
    (root / "cpu" / "cpu.cfs_period_us").write_text(period, encoding="ascii")
    (root / "memory" / "memory.limit_in_bytes").write_text(memory, encoding="ascii")
    return root


@pytest.mark.parametrize(
    ("text", "processors"),
    [
        ("50000 100000\n", 0.5),
        ("250000 100000\n", 2.5),
        ("max 100000\n", None),
        ("", None),
        ("0 100000\n", None),
        ("100000 0\n", None),
    ],
)
def test_processors_of_version_2(tmp_path: Path, text: str, processors: float | None) -> None:
    """Quota through period; `max` is no limit."""
    assert cpu_limit(told(tmp_path, cpu__max=text)) == processors


def test_memory_of_version_2(tmp_path: Path) -> None:
    """Bytes, or `max`."""
    assert memory_limit(told(tmp_path, memory__max=f"{512 * MIB}\n")) == 512 * MIB
    assert memory_limit(told(tmp_path, memory__max="max\n")) is None


def test_version_1_has_a_folder_for_each_controller(tmp_path: Path) -> None:
    """With quota and period in files of their own."""
    root = told_by_version_1(tmp_path, "150000\n", "100000\n", f"{256 * MIB}\n")
    assert cpu_limit(root) == 1.5
    assert memory_limit(root) == 256 * MIB


def test_version_1_without_limits(tmp_path: Path) -> None:
    """Minus one, and the largest multiple of a page."""
    root = told_by_version_1(tmp_path, "-1\n", "100000\n", "9223372036854771712\n")
    assert cpu_limit(root) is None
    assert memory_limit(root) is None


def test_outside_of_containers_nothing_is_told(tmp_path: Path) -> None:
    """No such files."""
    assert cpu_limit(tmp_path) is None
    assert memory_limit(tmp_path) is None
