"""Half a replica's capacity, then three times as much, then a fifth: the same arrivals with and without autoscaling."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.answer import Answer, Ask
from cluster.client import Client
from cluster.load import Phase, capacity, closed, opened, quantile
from cluster.reach import Gateway

MODEL = "busy"
ASK = Ask(MODEL, tokens=128, timeout=70.0)
PARALLEL = 2
"""Sequences that one replica runs at once, as the values say; so many callers in a closed loop use it fully."""

_SEED = 5
_SHARES = ((0.5, 20.0), (3.0, 60.0), (0.2, 40.0))
_CAPACITY_SECONDS, _SKIP_SECONDS = 18.0, 3.0
_GOAL_SECONDS = 20.0


@dataclass(frozen=True)
class Trace:
    """`capacity` of one replica in requests a second, and the arrivals that are made of it."""

    capacity: float

    @property
    def phases(self) -> list[Phase]:
        """One for each share of the capacity."""
        return [Phase(share * self.capacity, seconds) for share, seconds in _SHARES]

    @property
    def peak(self) -> tuple[float, float]:
        """Begin and end of the highest phase, in seconds from the begin."""
        return _SHARES[0][1], _SHARES[0][1] + _SHARES[1][1]

    @property
    def title(self) -> str:
        """For pictures."""
        return f"{', '.join(f'{share:g}' for share, _ in _SHARES)} times {self.capacity:.2f} requests/s"


async def measure(gateway: Gateway, first: int) -> Trace:
    """Of the one replica that is ready. So many callers are what it runs at once, so that no scaler sees more."""
    async with Client(gateway) as client:
        answers = await closed(client, ASK, PARALLEL, _CAPACITY_SECONDS, first)
    return Trace(capacity(answers, _SKIP_SECONDS))


@dataclass(frozen=True)
class Played:
    """A trace that was played: `rise` and `fall` are begin and end of its peak, on time.monotonic."""

    answers: Sequence[Answer]
    rise: float
    fall: float

    @property
    def marks(self) -> list[tuple[float, str]]:
        """For pictures."""
        return [(self.rise, f"{_SHARES[1][0]:g} x"), (self.fall, f"{_SHARES[2][0]:g} x")]


async def play(gateway: Gateway, trace: Trace, first: int) -> Played:
    """Asks at the trace's arrivals, and returns when all are answered or refused."""
    async with Client(gateway) as client:
        began = time.monotonic()
        answers = await opened(client, ASK, trace.phases, _SEED, first)
    begin, end = trace.peak
    return Played(answers, began + begin, began + end)


@dataclass(frozen=True)
class Judgement:
    """The goal: of the whole trace 9 of 10 requests have their first text within 20 s, and all are answered."""

    first_p90: float
    lost: int

    @property
    def met(self) -> bool:
        """Whether the goal was met."""
        return self.lost == 0 and self.first_p90 <= _GOAL_SECONDS

    def __str__(self) -> str:
        return f"p90 of first text {self.first_p90:.1f} s, {self.lost} not answered"

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> Judgement:
        """Of all answers of a trace; one that never came took as long as its client has waited."""
        waits = [answer.seconds if answer.first is None else answer.first for answer in answers]
        return cls(quantile(waits, 0.9), sum(answer.status != "ok" for answer in answers))


GOAL = f"p90 <= {_GOAL_SECONDS:g} s, 0 not answered"
