"""What to tell one watcher, and when: each change, every begin of work, and the same again from time to time. Pure.

KEDA wakes a pool at each True, told before or not, and ignores False (v2.20.2, pkg/scaling/scale_handler.go,
startPushScalers). Each True costs it reads and a write of the Kubernetes API, so that a model whose requests come one
by one is told no more than one True a second.
"""

from __future__ import annotations

import math

AGAIN_SECONDS = 5.0
BETWEEN_SECONDS = 1.0
"""From one True to the next."""


class Telling:
    """Of one watcher; times are seconds of any one clock."""

    def __init__(self) -> None:
        self._told: bool | None = None
        self._told_at = self._true_at = -math.inf
        self._begun = False

    def begun(self) -> None:
        """Work began since the last look. That is told even if it has ended again."""
        self._begun = True

    def next(self, now: float, active: bool | None) -> bool | None:
        """What is to be told now, if anything; `active` None is unknown, of which nothing is told."""
        if self._true_is_due(now, active):
            self._begun, self._true_at = False, now
            return self._tell(now, True)
        if active is False and (self._told is not False or self._is_old(now)):
            return self._tell(now, False)
        return None

    def look_again(self, now: float) -> float:
        """Seconds after which to ask again even without news."""
        times = (self._true_at + BETWEEN_SECONDS, self._told_at + AGAIN_SECONDS)
        return min((time - now for time in times if time > now), default=AGAIN_SECONDS)

    def _true_is_due(self, now: float, active: bool | None) -> bool:
        if not (active or self._begun) or now < self._true_at + BETWEEN_SECONDS:
            return False
        return self._begun or self._told is not True or self._is_old(now)

    def _is_old(self, now: float) -> bool:
        return now >= self._told_at + AGAIN_SECONDS

    def _tell(self, now: float, active: bool) -> bool:
        self._told, self._told_at = active, now
        return active
