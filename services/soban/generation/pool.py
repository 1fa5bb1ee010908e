"""The replicas of one model, as discovery finds them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any

from soban.generation.discovery.source import Found, Source
from soban.generation.engine import Description
from soban.generation.obstacle import Obstacle, Trouble
from soban.generation.replica import Replica

_logger = logging.getLogger(__name__)

_START_SECONDS = 10.0
_RETRY_SECONDS = 5.0
_MOST_REASONS = 3


class Pool:
    """`make` builds the replica for what `source` finds; it is started and stopped here.

    A replica that is found no longer gets no further requests; those it has run to their end.
    """

    def __init__(self, model: str, source: Source, make: Callable[[Found], Replica]) -> None:
        self._model = model
        self._source = source
        self._make = make
        self._replicas: dict[Found, Replica] = {}
        self._leaving: set[Replica] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._starts: dict[Replica, asyncio.Task[None]] = {}
        self._calls: list[Callable[[], None]] = []
        self._told: tuple[object, ...] = ()
        self._trouble: Trouble | None = None
        """As the log was told last."""
        self._found = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._up = False

    @property
    def replicas(self) -> Sequence[Replica]:
        """All that are found now, ready or not."""
        return tuple(self._replicas.values())

    def ready(self) -> list[Replica]:
        """Those that requests may be sent to now."""
        return [replica for replica in self._replicas.values() if replica.ready]

    @property
    def slots(self) -> int:
        """Sequences that the ready replicas take at once; those of weight 0 count only where there are no others."""
        return sum(replica.slots for replica in _in_use(self.ready()))

    @property
    def capacity(self) -> int:
        """Sequences that may run at once; 0 while no replica is ready.

        Streams of replicas that are paused, suspected, gone or a reserve (`slots`) count on both sides: they are not in
        the way of others.
        """
        used = _in_use(self.ready())
        if not used:
            return 0
        others = {*self._replicas.values(), *self._leaving}.difference(used)
        return sum(replica.room for replica in used) + sum(replica.running for replica in others)

    @property
    def loading(self) -> int:
        """Replicas on their way to be ready."""
        return sum(replica.loading for replica in self._replicas.values())

    @property
    def trouble(self) -> Trouble | None:
        """Why none is ready, in a word for clients: that of the replica that is likely to be ready first."""
        if self.ready():
            return None
        return min((trouble for trouble, _ in self._obstacles()), key=list(Trouble).index, default=Trouble.AWAY)

    @property
    def why_not(self) -> str:
        """The same for clients as a sentence; empty if one is ready. Who operates them reads more in the log."""
        trouble = self.trouble
        return "" if trouble is None else f"no replica of {self._model} is ready ({trouble})"

    def on_change(self, call: Callable[[], None]) -> None:
        """`call` is called each time that members, ready replicas, loading ones or capacity are others."""
        self._calls.append(call)

    async def start(self) -> None:
        """Returns when the first replicas are ready or known to be away; does not wait for what may come later.

        Raises ConfigError when an engine of our own cannot start; nothing is left then.
        """
        self._following = asyncio.create_task(self._follow(), name=f"pool-{self._model}")
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_START_SECONDS):
                    await self._found.wait()
            await self._first_starts()
        except BaseException:
            await self.stop()
            raise
        self._up = True
        self._log_trouble()

    async def stop(self) -> None:
        """Engines of our own have ended afterwards."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        self._apply(frozenset())
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def description(self) -> Description | None:
        """What a ready replica says of the model, else what any said last; None while none has said anything."""
        known = sorted(self._replicas.values(), key=lambda replica: not replica.ready)
        return next((replica.description for replica in known if replica.description is not None), None)

    async def _follow(self) -> None:
        """A source that fails, which none should, is started again; its last answer stands meanwhile."""
        while True:
            try:
                async with aclosing(self._source.watch()) as sets:
                    await self._take(sets)
            except Exception:
                _logger.exception("discovery failed", extra={"model": self._model})
            await asyncio.sleep(_RETRY_SECONDS)

    async def _take(self, sets: AsyncGenerator[frozenset[Found], None]) -> None:
        async for found in sets:
            self._apply(found)
            self._found.set()

    async def _first_starts(self) -> None:
        if not self._starts:
            return
        done, _ = await asyncio.wait(self._starts.values(), return_when=asyncio.FIRST_EXCEPTION)
        for start in done:
            if not start.cancelled():
                start.result()

    def _apply(self, found: frozenset[Found]) -> None:
        for gone in self._replicas.keys() - found:
            self._release(self._replicas.pop(gone))
        for new in sorted(found - self._replicas.keys(), key=lambda item: (item.group, item.name)):
            replica = self._replicas[new] = self._make(new)
            replica.on_change(self._changed)
            self._starts[replica] = self._spawn(replica.start())
        self._changed()

    def _release(self, replica: Replica) -> None:
        _logger.info("replica leaves", extra={"model": self._model, "replica": replica.id, "running": replica.running})
        self._leaving.add(replica)
        self._spawn(self._end(replica, self._starts.pop(replica)))

    async def _end(self, replica: Replica, start: asyncio.Task[None]) -> None:
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
        await replica.stop()
        self._changed()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._settled)
        return task

    def _settled(self, task: asyncio.Task[None]) -> None:
        """What the first replicas raise is raised by `start`; later ones have only the log."""
        self._tasks.discard(task)
        if not task.cancelled() and (err := task.exception()) is not None and self._up:
            _logger.error("replica not started", extra={"model": self._model}, exc_info=err)

    def _reasons(self) -> str:
        """With addresses and what to mend."""
        reasons = [sentence for _, sentence in self._obstacles()]
        more = f" and {len(reasons) - _MOST_REASONS} more" if len(reasons) > _MOST_REASONS else ""
        return "; ".join(reasons[:_MOST_REASONS]) + more or self._source.why_not or "none is known"

    def _obstacles(self) -> list[Obstacle]:
        return [obstacle for replica in self._replicas.values() if (obstacle := replica.obstacle) is not None]

    def _log_trouble(self) -> None:
        """Once for each change, since requests do not tell their senders more than a word."""
        stops = self._following is None or self._following.done()
        trouble = self.trouble
        if self._up and not stops and trouble is not self._trouble:
            self._trouble = trouble
            if trouble is not None:
                _logger.warning("no replica is ready", extra={"model": self._model, "why": self._reasons()})

    def _changed(self) -> None:
        """Of a replica, or of their number. Who listens is told of what differs, not of everything that happens."""
        self._leaving = {replica for replica in self._leaving if replica.running}
        self._log_trouble()
        ready = tuple(replica.id for replica in self._replicas.values() if replica.ready)
        now = (tuple(self._replicas), ready, self.loading, self.capacity)
        if now != self._told:
            self._told = now
            for call in self._calls:
                call()


def _in_use(ready: list[Replica]) -> list[Replica]:
    """Without those of weight 0, which are passed over while there are others."""
    return [replica for replica in ready if replica.weight != 0] or ready
