"""How fast one replica reads prompts."""

from __future__ import annotations

# Each measure weighs a twentieth less than the next. Both sums fade alike, so that their quotient is a mean over tokens
# rather than over prompts, and a wrong guess can be corrected later.
_FADING = 0.95
# Under so many tokens the way to the engine and back is most of the time.
_FEWEST_TOKENS = 32.0
_FEWEST_MEASURES = 3
# A measure that is slower than this by what is known is a hiccup of the engine, a model load, a machine asleep.
_SLOWEST = 4.0


class PrefillSpeed:
    """Tokens per second of prompts that were not in the engine's cache."""

    def __init__(self) -> None:
        self._tokens = 0.0
        self._seconds = 0.0
        self._measures = 0

    def add(self, tokens: float, seconds: float) -> None:
        """A replica was busy with prompts for so long, and then so many tokens were read."""
        if tokens < _FEWEST_TOKENS or seconds <= 0:
            return
        known = self.value()
        if known is not None:
            seconds = min(seconds, _SLOWEST * tokens / known)
        self._tokens = _FADING * self._tokens + tokens
        self._seconds = _FADING * self._seconds + seconds
        self._measures += 1

    def correct(self, tokens: float) -> None:
        """So many more had been read than was thought when they were added; fewer where it is negative."""
        self._tokens = max(0.0, self._tokens + tokens)

    def value(self) -> float | None:
        """None while not known."""
        if self._measures < _FEWEST_MEASURES or self._tokens <= 0:
            return None
        return self._tokens / self._seconds
