"""A pool of engines as a queue: what waits is begun as soon as a replica has a slot, and takes its time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

import soban.v1 as pb
from cluster.gauges import Gauge

_PREFILL_SECONDS = 0.05
_CACHE_OF_A_SEQUENCE = 0.04


class SimulatedPool:
    """Of one model. `slots` sequences run on a replica at once, each for `seconds`; `news` hears of each change.

    `gauges` keep what ran and what waited over time, once a change.
    """

    def __init__(self, model: str, slots: int, seconds: float, news: Callable[[], None]) -> None:
        self.model = model
        self.gauges: list[Gauge] = []
        self.arrived: list[float] = []
        self._slots, self._seconds, self._news = slots, seconds, news
        self._ready = self._loading = self._running = self._waiting = 0

    async def arrive(self, times: Iterable[float]) -> None:
        """Requests come at these seconds from now; returns after the last one."""
        begin = time.monotonic()
        for at in times:
            await asyncio.sleep(begin + at - time.monotonic())
            self.request()

    def request(self) -> None:
        """One request comes."""
        self.arrived.append(time.monotonic())
        self._waiting += 1
        self._begin_waiting()

    def replicas(self, ready: int, loading: int) -> None:
        """So many serve and load from now on; sequences on one that goes run to their ends."""
        self._ready, self._loading = ready, loading
        self._begin_waiting()

    @property
    def load(self) -> pb.ModelLoad:
        """As generation would tell it: what waits is held while no replica is ready, and queued else."""
        return pb.ModelLoad(
            model=self.model,
            ready_replicas=self._ready,
            loading_replicas=self._loading,
            running=self._running,
            slots=self._ready * self._slots,
            queued=self._waiting if self._ready else 0,
            held=0 if self._ready else self._waiting,
            prefill_backlog_seconds=self._waiting * _PREFILL_SECONDS,
            kv_cache_use=self._running * _CACHE_OF_A_SEQUENCE,
            staleness_seconds=0.0,
        )

    def _begin_waiting(self) -> None:
        begun = max(0, min(self._waiting, self._ready * self._slots - self._running))
        self._waiting -= begun
        self._running += begun
        for _ in range(begun):
            asyncio.get_running_loop().call_later(self._seconds, self._end_one)
        self._changed()

    def _end_one(self) -> None:
        self._running -= 1
        self._begin_waiting()

    def _changed(self) -> None:
        load = self.load
        self.gauges.append(Gauge(time.monotonic(), self.model, load.running, load.queued, load.held))
        self._news()
