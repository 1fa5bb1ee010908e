"""The knee of an engine: the running sequences at which its tokens per second stop growing."""

from __future__ import annotations

import math

# Numbers of sequences that differ by less than a fifth (2 ** (1/4)) are one class.
_CLASSES_A_DOUBLING = 4
_WEIGHT_OF_LAST = 0.2
_FEWEST_WINDOWS = 3
# One caller after the other leaves gaps: a mean of .9 is one sequence.
_FEWEST_RUNNING = 0.7
# Speed within a tenth of the best counts as the best, and half as many sequences again must have been tried in vain.
_AS_GOOD = 0.9
_TRIED_BEYOND = 1.5


class _Class:
    """Windows with about so many sequences."""

    __slots__ = ("running", "speed", "windows")

    def __init__(self) -> None:
        self.windows = 0
        self.running = 0.0
        self.speed = 0.0

    def add(self, running: float, speed: float) -> None:
        self.windows += 1
        weight = max(_WEIGHT_OF_LAST, 1 / self.windows)
        self.running += weight * (running - self.running)
        self.speed += weight * (speed - self.speed)


class Knee:
    """Learns from windows of a second or two on any replica of a model.

    Windows are put together by their number of sequences, each class with a moving mean of its speed. The knee is the
    smallest number whose speed is within a tenth of the best one seen. It counts only when at least half as many
    sequences again have been tried, for a rising curve has no knee yet.
    """

    def __init__(self) -> None:
        self._classes: dict[int, _Class] = {}

    def observe(self, running: float, tokens_per_second: float) -> None:
        """One replica had so many sequences in the mean, and gave so much."""
        if running >= _FEWEST_RUNNING:
            number = round(_CLASSES_A_DOUBLING * math.log2(running))
            self._classes.setdefault(number, _Class()).add(running, tokens_per_second)

    def value(self) -> float | None:
        """Sequences per replica; None while not known."""
        known = [found for _, found in sorted(self._classes.items()) if found.windows >= _FEWEST_WINDOWS]
        if not known:
            return None
        best = max(found.speed for found in known)
        knee = next(found for found in known if found.speed >= _AS_GOOD * best)
        return knee.running if known[-1].running >= _TRIED_BEYOND * knee.running and best > 0 else None
