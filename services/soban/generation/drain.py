"""How fast waiting requests get their turn, as measured, and what to tell those who cannot wait. Pure."""

from __future__ import annotations

_WEIGHT_OF_LAST = 0.1
_SHORTEST_RETRY, _LONGEST_RETRY, _UNMEASURED_RETRY = 0.1, 60.0, 1.0
_SPREAD = 0.25
# Mean deviations that are kept for one answer: 2.4 standard deviations of a normal distribution, 99 cases in 100. TCP's
# timer takes four (RFC 6298). A wait is for many answers, of which one deviation is left.
_CAUTION = 3.0


class DrainRate:
    """The work that one sequence gets done in a second, from whole answers; about the last twenty count.

    It is in the unit of the claims: whoever estimates all work twice as large gets the same times.
    """

    def __init__(self) -> None:
        self._work: float | None = None
        self._seconds = 0.0
        self._deviation = 0.0

    def learn(self, work: float, sequences: int, seconds: float) -> None:
        """An answer of `work` tokens was written by so many sequences side by side in `seconds`."""
        if work <= 0 or seconds <= 0:
            return
        if self._work is None:
            self._work, self._seconds = work / sequences, seconds
            return
        expected = work / sequences / self._work * self._seconds
        self._deviation += _WEIGHT_OF_LAST * (abs(seconds / expected - 1) - self._deviation)
        self._work += _WEIGHT_OF_LAST * (work / sequences - self._work)
        self._seconds += _WEIGHT_OF_LAST * (seconds - self._seconds)

    def wait(self, ahead: float, sequences: int, capacity: int) -> float | None:
        """Seconds until `ahead` tokens of work have gone in and `sequences` are free; None before the first measure."""
        if self._work is None or not capacity:
            return None
        return (ahead / self._work + sequences) * self._seconds / capacity

    def enough(self, wait: float, work: float, sequences: int) -> float | None:
        """Seconds in which, after a wait of about that long, an answer is ready in nearly all cases; None before the
        first measure."""
        if self._work is None:
            return None
        answer = work / sequences / self._work * self._seconds
        return wait + answer + self._deviation * (wait + _CAUTION * answer)


def retry_after(seconds: float | None, chance: float) -> float:
    """Seconds to tell a refused client: never less than expected, and up to a quarter more by `chance` (0 to 1)."""
    wanted = _UNMEASURED_RETRY if seconds is None else seconds
    return min(_LONGEST_RETRY, max(_SHORTEST_RETRY, wanted)) * (1 + _SPREAD * chance)
