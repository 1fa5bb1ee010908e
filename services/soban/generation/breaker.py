"""A circuit breaker for one replica: after losses it gets no requests for a while, then a single one to prove itself.

CLOSED --losses in a row, or one refused connection--> OPEN --back-off has passed--> HALF_OPEN
HALF_OPEN --its one request answers--> CLOSED        HALF_OPEN --a loss--> OPEN, with twice the back-off
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from enum import Enum

_LOSSES = 3
_FIRST_SECONDS, _LONGEST_SECONDS = 0.5, 30.0


class Circuit(Enum):
    """Of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


def _jitter() -> float:
    """Many servers that lost the same engine do not come back in one instant."""
    return random.uniform(0.75, 1.25)  # noqa: S311 - jitter


class Breaker:
    """Told of what happens to requests; `clock` in seconds, `jitter` multiplies each back-off."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, jitter: Callable[[], float] = _jitter) -> None:
        self._clock = clock
        self._jitter = jitter
        self._losses = 0
        self._backoff = _FIRST_SECONDS
        self._closes_at: float | None = None
        """When OPEN ends; None while CLOSED."""
        self._trying = False

    @property
    def circuit(self) -> Circuit:
        """Now."""
        if self._closes_at is None:
            return Circuit.CLOSED
        return Circuit.OPEN if self._clock() < self._closes_at else Circuit.HALF_OPEN

    @property
    def allows(self) -> bool:
        """Whether a request may begin: always, never, or while none is on trial."""
        if self._closes_at is None:
            return True
        return self.circuit is Circuit.HALF_OPEN and not self._trying

    @property
    def wait(self) -> float:
        """Seconds until OPEN turns into HALF_OPEN; 0 when it is not OPEN."""
        return 0.0 if self._closes_at is None else max(0.0, self._closes_at - self._clock())

    @property
    def losses(self) -> int:
        """In a row."""
        return self._losses

    def began(self) -> None:
        """A request begins; in HALF_OPEN it is the one on trial."""
        self._trying = self.circuit is Circuit.HALF_OPEN

    def ended(self) -> None:
        """A request ended, perhaps cancelled before it proved anything: another one may be on trial.

        Nothing tells whose end it was, so that a stream from before the losses may let one more request through.
        """
        self._trying = False

    def answered(self) -> None:
        """The engine produced something. While nobody is on trial it does not close: older streams may outlive losses.

        What answers in CLOSED ends the row of losses.
        """
        if self._closes_at is None:
            self._losses = 0
        elif self._trying and self.circuit is Circuit.HALF_OPEN:
            self.reset()

    def lost(self, *, refused: bool = False) -> None:
        """A request died with its connection; `refused` if there was no connection at all.

        Streams that die together count once: in OPEN nothing is added.
        """
        circuit = self.circuit
        if circuit is Circuit.OPEN:
            return
        self._losses += 1
        if circuit is Circuit.HALF_OPEN:
            self._backoff = min(_LONGEST_SECONDS, 2 * self._backoff)
        elif self._losses < _LOSSES and not refused:
            return
        self._trying = False
        self._closes_at = self._clock() + min(_LONGEST_SECONDS, self._backoff * self._jitter())

    def reset(self) -> None:
        """The engine has proved itself, or is another process now."""
        self._losses, self._backoff, self._closes_at, self._trying = 0, _FIRST_SECONDS, None, False
