"""The replicas of one model as those who need one see them: one is chosen, worked on and given back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from soban.generation.choosing.chooser import Chooser
from soban.generation.choosing.demand import Demand
from soban.generation.cost import EngineClock
from soban.generation.pool import Pool
from soban.generation.replica import Replica
from soban.generation.work import WorkItem
from soban.runtime.errors import DeadlineExceeded, NoReplica

_RETRY_SECONDS = 1.0


class Lease:
    """A replica that was chosen for a sequence; `work` is in tokens, as much as it is there."""

    def __init__(self, replica: Replica, work: float, clock: EngineClock) -> None:
        self.replica = replica
        self.seconds = 0.0
        """Of engine time; known once `held` has ended."""
        self._left = work
        self._clock = clock

    @contextmanager
    def held(self, item: WorkItem) -> Iterator[None]:
        """The sequence is there inside the `with`."""
        self.replica.begin(self._left)
        item.admitted(self.replica.id)
        began = self._clock.begin()
        try:
            yield
        finally:
            self.seconds = self._clock.end(began)
            self.replica.end(self._left)

    def progress(self, work: float) -> None:
        """So much of it is done."""
        done = min(self._left, work)
        self._left -= done
        self.replica.progress(done)


class Fleet:
    """Chooses among the ready replicas of `pool`; an answer waits up to `patience` seconds while there is none."""

    def __init__(
        self, pool: Pool, chooser: Chooser, patience: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.patience = patience
        self.stranded = 0
        """Admitted answers that wait for a replica, since theirs died."""
        self._pool = pool
        self._chooser = chooser
        self._now = clock
        self._clocks: dict[str, EngineClock] = {}
        self._changed = asyncio.Event()
        pool.on_change(self._change)

    async def lease(self, demand: Demand, deadline: float | None, since: float | None = None) -> Lease:
        """A replica with a free place, or if there is none one without. Raises NoReplica and DeadlineExceeded.

        `since` is when the answer got stuck, if it was before now: patience counts from there. On the clock's times.
        """
        ready = self._pool.ready() or await self._wait(deadline, since)
        replica = self._chooser.choose(ready, demand)
        work = self._chooser.placed(replica, demand)
        return Lease(replica, work, self._clocks.setdefault(replica.id, EngineClock()))

    async def _wait(self, deadline: float | None, since: float | None) -> list[Replica]:
        end = (self._now() if since is None else since) + self.patience
        self.stranded += 1
        try:
            while not (ready := self._pool.ready()):
                left = (end if deadline is None else min(end, deadline)) - self._now()
                if left <= 0 and deadline is not None and deadline <= end:
                    raise DeadlineExceeded("the deadline passed while no replica was ready")
                if left <= 0:
                    raise NoReplica(self._pool.why_not, retry_after=_RETRY_SECONDS)
                await self._next_change(left)
            return ready
        finally:
            self.stranded -= 1

    async def _next_change(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    def _change(self) -> None:
        for gone in self._clocks.keys() - {replica.id for replica in self._pool.replicas}:
            self._chooser.forget(gone)
            del self._clocks[gone]
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
