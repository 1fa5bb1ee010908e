"""What the container of this process may use, as its cgroup says: version 2, or version 1's two controllers.

https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/scheduler/sched-bwc.html. Inside a container
its own group is mounted at the root; outside of one the root has no limits, and nothing is told.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_CFS = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
# Version 1 writes "none" as the largest multiple of a page; no machine has an exbibyte.
_NO_LIMIT = 2**60


def cpu_limit(root: Path = _ROOT) -> float | None:
    """Processors, such as 0.5; None without a limit."""
    two = _words(root / "cpu.max")
    quota, period = two if len(two) == 2 else (_word(root / "cpu" / name) for name in _CFS)
    with contextlib.suppress(ValueError, ZeroDivisionError):
        limit = int(quota) / int(period)
        return limit if limit > 0 else None
    return None


def memory_limit(root: Path = _ROOT) -> int | None:
    """Bytes; None without a limit."""
    told = _word(root / "memory.max") or _word(root / "memory" / "memory.limit_in_bytes")
    with contextlib.suppress(ValueError):
        limit = int(told)
        return limit if 0 < limit < _NO_LIMIT else None
    return None


def _words(path: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="ascii").split()
    return []


def _word(path: Path) -> str:
    return next(iter(_words(path)), "")
