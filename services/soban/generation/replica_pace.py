"""What one replica does for us, measured: how fast it reads prompts, and how fast it writes with so many sequences."""

from __future__ import annotations

from collections.abc import Callable

from soban.generation.knee import Knee
from soban.generation.prefill_speed import PrefillSpeed

_WINDOW_SECONDS = 2.0
_LONGEST_WINDOW = 6.0
_LONGEST_BUSY = 1.0


class ReplicaPace:
    """Told of each request's begin, first output, tokens and end, it feeds `speed` and `knee` of the model.

    Speed of reading is prompt tokens over the time in which at least one prompt was under way, so that prompts that are
    read side by side or one after the other count right. A window for the knee has at least two seconds.
    """

    __slots__ = (
        "_busy_since",
        "_changed",
        "_clock",
        "_knee",
        "_output",
        "_prefilling",
        "_read",
        "_running",
        "_sequence_seconds",
        "_since",
        "_speed",
    )

    def __init__(self, speed: PrefillSpeed, knee: Knee, clock: Callable[[], float]) -> None:
        self._speed = speed
        self._knee = knee
        self._clock = clock
        self._prefilling = 0
        self._read = 0.0
        self._running = 0
        self._output = 0
        self._sequence_seconds = 0.0
        self._busy_since = self._since = self._changed = clock()

    @property
    def idle(self) -> bool:
        """Whether nothing of ours is there."""
        return self._running <= 0

    def begin(self, sequences: int) -> None:
        """A prompt goes to it."""
        now = self._clock()
        if self._prefilling == 0:
            self._busy_since, self._read = now, 0.0
        self._prefilling += 1
        self._advance(now)
        self._running += sequences

    def first_output(self, prompt_tokens: float) -> None:
        """A prompt has been read."""
        now = self._clock()
        self._prefilling -= 1
        self._read += prompt_tokens
        busy = now - self._busy_since
        if self._prefilling == 0 or busy >= _LONGEST_BUSY:
            self._speed.add(self._read, busy)
            self._busy_since, self._read = now, 0.0

    def give_up(self) -> None:
        """A prompt will not be read to its end: the time that went into it is no measure."""
        self._prefilling -= 1
        self._busy_since, self._read = self._clock(), 0.0

    def output(self, tokens: int) -> None:
        """Of any sequence."""
        self._output += tokens
        now = self._clock()
        if now - self._since >= _WINDOW_SECONDS:
            self._advance(now)

    def end(self, sequences: int) -> None:
        """They are free again."""
        self._advance(self._clock())
        self._running -= sequences

    def _advance(self, now: float) -> None:
        """Closes the window when it is long enough. One with a long silence in it says nothing."""
        self._sequence_seconds += self._running * (now - self._changed)
        self._changed = now
        seconds = now - self._since
        if seconds < _WINDOW_SECONDS:
            return
        if seconds <= _LONGEST_WINDOW:
            self._knee.observe(self._sequence_seconds / seconds, self._output / seconds)
        self._since, self._sequence_seconds, self._output = now, 0.0, 0
