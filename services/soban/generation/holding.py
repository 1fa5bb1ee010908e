"""Requests that wait while no replica is ready: for how long each, and how long that is likely to last."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

_SHORTEST_OUTAGE = 1.0


class Held(Hashable, Protocol):
    """A request that waits."""

    @property
    def since(self) -> float:
        """When it began to wait, on the clock of the Holding."""


H = TypeVar("H", bound=Held)


class Holding(Generic[H]):
    """Calls `run_out` for each request that has waited `seconds` without any replica; begins without one.

    Knows all that wait, with or without a replica, in order of their arrival, which is the order in which they run out:
    one timer is enough for all.
    """

    def __init__(self, seconds: float, clock: Callable[[], float], run_out: Callable[[H], None]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._run_out = run_out
        self._waiting: OrderedDict[H, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._began: float | None = clock()
        self._usual = 0.0

    def add(self, request: H) -> None:
        """It begins to wait."""
        self._waiting[request] = None
        self._watch()

    def drop(self, request: H) -> None:
        """It waits no longer."""
        self._waiting.pop(request, None)

    def begin(self) -> None:
        """The last replica is gone."""
        self._began = self._clock()
        self._watch()

    def end(self) -> None:
        """A replica is ready."""
        if self._began is not None:
            lasted = self._clock() - self._began
            self._usual = (self._usual + lasted) / 2 if self._usual else lasted
        self._began = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def expected(self) -> float:
        """Seconds until a replica is ready, from how long that took before.

        Where it takes longer than usual, or for the first time, half of the excess is taken to be over.
        """
        lasted = 0.0 if self._began is None else self._clock() - self._began
        return max(_SHORTEST_OUTAGE, abs(self._usual - lasted))

    def _watch(self) -> None:
        if self._began is not None and self._timer is None and self._waiting:
            delay = self._end_of(next(iter(self._waiting)), self._began) - self._clock()
            self._timer = asyncio.get_running_loop().call_later(delay, self._look)

    def _look(self) -> None:
        self._timer = None
        while self._began is not None and self._waiting:
            longest = next(iter(self._waiting))
            if self._end_of(longest, self._began) > self._clock():
                break
            del self._waiting[longest]
            self._run_out(longest)
        self._watch()

    def _end_of(self, request: H, began: float) -> float:
        return max(request.since, began) + self._seconds
