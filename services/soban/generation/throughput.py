"""Output tokens per second over the last seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

_SECONDS = 10


class Throughput:
    """Counts in whole seconds; a new token costs an addition."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = int(clock())
        self._counts = [0] * _SECONDS

    def add(self, tokens: int) -> None:
        """They came now."""
        self._counts[self._now() % _SECONDS] += tokens

    def per_second(self) -> float:
        """Mean over the last 10 s."""
        self._now()
        return sum(self._counts) / _SECONDS

    def _now(self) -> int:
        """This second; counts of seconds that are too old have been cleared."""
        now = int(self._clock())
        for second in range(max(self._second + 1, now - _SECONDS + 1), now + 1):
            self._counts[second % _SECONDS] = 0
        self._second = now
        return now
