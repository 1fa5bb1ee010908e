"""Who may go to the engine, and in what order the others wait. One per model; no I/O."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import soban.v1 as pb
from soban.runtime.errors import DeadlineExceeded, QueueFull

_ORDER = (pb.PRIORITY_HIGH, pb.PRIORITY_NORMAL, pb.PRIORITY_LOW)
_WEIGHT_OF_LAST = 0.2
_SHORTEST_RETRY, _LONGEST_RETRY, _UNMEASURED_RETRY = 0.1, 60.0, 1.0


@dataclass(slots=True, eq=False)
class _Waiter:
    need: int
    admitted: asyncio.Future[None]


@dataclass(slots=True)
class Stay:
    """Held sequences. Whoever holds them sets `completed` at the end of an answer: only then the stay is a measure."""

    completed: bool = False


class Admission:
    """At most `parallel` sequences run at once, at most `queue_limit` requests wait.

    Higher priority goes first, and within one the first come. A request that needs several sequences gets them
    together, and nobody behind it of its priority or a lower one goes before it.
    """

    def __init__(self, parallel: int, queue_limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.parallel = parallel
        self._queue_limit = queue_limit
        self._clock = clock
        self._running = 0
        self._waiting: dict[pb.Priority.ValueType, deque[_Waiter]] = {priority: deque() for priority in _ORDER}
        self._seconds: float | None = None

    @property
    def running(self) -> int:
        """Sequences at the engine."""
        return self._running

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return sum(map(len, self._waiting.values()))

    @contextlib.asynccontextmanager
    async def slots(self, need: int, priority: pb.Priority.ValueType, deadline: float | None) -> AsyncIterator[Stay]:
        """Holds `need` sequences inside the `async with`. `deadline` is on the clock of `time.monotonic`.

        Raises QueueFull when the queue is full or could not get there before the deadline, and DeadlineExceeded when
        the deadline passed. Who is cancelled while waiting leaves the queue.
        """
        await self._enter(need, priority, deadline)
        began, stay = self._clock(), Stay()
        try:
            yield stay
        finally:
            if stay.completed:
                self._learn(self._clock() - began)
            self._running -= need
            self._admit()

    async def _enter(self, need: int, priority: pb.Priority.ValueType, deadline: float | None) -> None:
        ahead = self._ahead_of(priority)
        if not ahead and self._running + need <= self.parallel:
            self._running += need
            return
        self._refuse_hopeless(ahead + need, deadline)
        waiter = _Waiter(need, asyncio.get_running_loop().create_future())
        self._queue_of(priority).append(waiter)
        try:
            async with asyncio.timeout(None if deadline is None else max(0.0, deadline - self._clock())):
                await waiter.admitted
        except BaseException as err:
            self._give_up(waiter, priority)
            if isinstance(err, TimeoutError):
                raise DeadlineExceeded("the deadline passed while the request waited for the engine") from err
            raise

    def _refuse_hopeless(self, place: int, deadline: float | None) -> None:
        """`place` counts the sequences up to and with this request's."""
        wait = self._expected_wait(place)
        if self.queued >= self._queue_limit:
            raise QueueFull("all places in the queue of this model are taken", retry_after=self._retry_after(wait))
        left = None if deadline is None else deadline - self._clock()
        if left is not None and left <= 0:
            raise DeadlineExceeded("the deadline has passed")
        if left is not None and wait is not None and wait > left:
            raise QueueFull(
                "the queue of this model is longer than the deadline allows", retry_after=self._retry_after(wait - left)
            )

    def _expected_wait(self, place: int) -> float | None:
        """Seconds until `place` sequences have been freed, at the measured speed; None before the first measure."""
        return None if self._seconds is None else place * self._seconds / self.parallel

    def _retry_after(self, wait: float | None) -> float:
        return min(_LONGEST_RETRY, max(_SHORTEST_RETRY, _UNMEASURED_RETRY if wait is None else wait))

    def _ahead_of(self, priority: pb.Priority.ValueType) -> int:
        """Sequences that those need who would go before a newcomer."""
        before = _ORDER[: _ORDER.index(_known(priority)) + 1]
        return sum(waiter.need for level in before for waiter in self._waiting[level])

    def _queue_of(self, priority: pb.Priority.ValueType) -> deque[_Waiter]:
        return self._waiting[_known(priority)]

    def _learn(self, seconds: float) -> None:
        last = self._seconds if self._seconds is not None else seconds
        self._seconds = last + _WEIGHT_OF_LAST * (seconds - last)

    def _give_up(self, waiter: _Waiter, priority: pb.Priority.ValueType) -> None:
        """Out of the queue; or, when it was admitted in the same moment, its sequences go to the next."""
        if waiter.admitted.done() and not waiter.admitted.cancelled():
            self._running -= waiter.need
        else:
            with contextlib.suppress(ValueError):
                self._queue_of(priority).remove(waiter)
        self._admit()

    def _admit(self) -> None:
        for queue in self._waiting.values():
            while queue:
                if self._running + queue[0].need > self.parallel:
                    return
                waiter = queue.popleft()
                if not waiter.admitted.cancelled():
                    self._running += waiter.need
                    waiter.admitted.set_result(None)


def _known(priority: pb.Priority.ValueType) -> pb.Priority.ValueType:
    return priority if priority in _ORDER else pb.PRIORITY_NORMAL
