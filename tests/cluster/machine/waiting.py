"""Waiting for a state of the machine or the cluster, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable


class NotInTimeError(RuntimeError):
    """Something did not come about in the seconds that it was given."""


def wait_until(holds: Callable[[], bool], seconds: float, what: str, pause: float = 0.2) -> float:
    """Asks until `holds` says yes, every `pause` seconds; gives the seconds it took, or raises NotInTimeError."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise NotInTimeError(f"{what}: not within {seconds:g} s")
        time.sleep(pause)
    return time.monotonic() - began
