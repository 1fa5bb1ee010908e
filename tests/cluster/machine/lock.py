"""One cluster at a time: addresses, ports and the bridge are the machine's."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from cluster.machine.layout import LOCK


class TakenError(RuntimeError):
    """Another cluster is up on this machine; the message says where its state is."""


def take(state: Path, lock: Path = LOCK) -> None:
    """Takes the lock for the cluster in that folder; TakenError when any, this one too, has it."""
    try:
        handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        raise _taken(holder(lock)) from None
    with os.fdopen(handle, "w") as file:
        file.write(str(state))


def holder(lock: Path = LOCK) -> Path | None:
    """State folder of the cluster that has the lock."""
    with contextlib.suppress(FileNotFoundError):
        return Path(lock.read_text())
    return None


def refuse_other(state: Path, lock: Path = LOCK) -> None:
    """Raises TakenError when the machine's cluster has its state in another folder."""
    if holder(lock) not in (None, state):
        raise _taken(holder(lock))


def release(state: Path, lock: Path = LOCK) -> None:
    """Gives the lock back when that cluster has it."""
    if holder(lock) == state:
        lock.unlink(missing_ok=True)


def _taken(where: Path | None) -> TakenError:
    return TakenError(f"a cluster is up on this machine, or one was left: python -m cluster down --state {where}")
