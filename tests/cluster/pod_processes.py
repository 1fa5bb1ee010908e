"""Processes of a pod, as this machine sees them when its node's kubelet runs here."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.machine.processes import everything


def kill(pod: Mapping[str, Any], word: str) -> list[int]:
    """SIGKILL to the pod's processes that have `word` among their arguments; returns their ids."""
    found = [pid for pid, argv in everything() if word in argv and _belongs(pid, pod["metadata"]["uid"])]
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def _belongs(pid: int, uid: str) -> bool:
    """The kubelet names the cgroup of a pod after its uid."""
    try:
        return f"pod{uid}" in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False
