"""Replicas over engines and hosts that do what a test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import soban.v1 as pb
from soban.generation.breaker import Breaker
from soban.generation.discovery.source import Found
from soban.generation.engine import Description, EngineRequest, Event, Feature, Finished, Reading, Started, Usage
from soban.generation.engines.http import Endpoint
from soban.generation.host import Probe
from soban.generation.identity import Identity
from soban.generation.replica import Replica
from soban.generation.tending import Rounds
from soban.generation.vetting import Vetting
from soban.runtime.errors import SobanError

MODEL = "kakaocorp/kanana-1.5-8b-instruct-2505"
QUICK = Rounds(load_busy=0.001, load_idle=0.001, check=1000.0, retry=0.001, longest_retry=0.002, patience=5.0)

END = Finished(pb.FINISH_REASON_LENGTH, Usage(input_tokens=5, output_tokens=1))


class FakeEngine:
    """Fine in every way, until a test says otherwise. `fails` is raised by whatever is asked."""

    def __init__(self, model: str = MODEL, slots: int | None = 4) -> None:
        self.support = frozenset(Feature)
        self.description = Description(models=(model,) if model else (), context_length=1024, slots=slots)
        self.alive = True
        self.fails: Exception | None = None
        self.refuses: list[SobanError] = []
        self.reading = Reading(running=1, waiting=0, kv_cache_use=0.25)
        self.asked: list[pb.GenerateRequest] = []
        self.loaded: list[tuple[str, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def check(self, request: pb.GenerateRequest) -> None:
        """Everything is possible."""

    async def generate(self, asked: EngineRequest) -> AsyncGenerator[Event, None]:
        self.asked.append(asked.request)
        await self.gate.wait()
        if self.fails is not None:
            raise self.fails
        if self.refuses:
            raise self.refuses.pop(0)
        yield Started()
        yield END

    async def describe(self) -> Description:
        if self.fails is not None:
            raise self.fails
        return self.description

    async def healthy(self) -> bool:
        return self.alive

    async def read_load(self) -> Reading:
        if self.fails is not None:
            raise self.fails
        return self.reading

    async def load_adapter(self, name: str, path: str) -> None:
        if self.refuses:
            raise self.refuses.pop(0)
        self.loaded.append((name, path))


class FakeHost:
    """Up from its start on, until a test says otherwise."""

    def __init__(self, *, up: bool = True, error: Exception | None = None) -> None:
        self.ready = False
        self.loading = True
        self.doubts = 0
        self.stopped = False
        self._up = up
        self._error = error
        self._call: Callable[[], None] = lambda: None

    def endpoint(self) -> Endpoint:
        return Endpoint("http://fake")

    def on_change(self, call: Callable[[], None]) -> None:
        self._call = call

    def doubt(self) -> None:
        self.doubts += 1

    async def start(self, probe: Probe) -> None:
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        self.tell(self._up)

    async def stop(self) -> None:
        self.stopped = True
        self.ready = self.loading = False

    def tell(self, up: bool, *, loading: bool = False) -> None:
        self.ready, self.loading = up, loading
        self._call()


def why_not(replica: Replica) -> str:
    """What operators read of it; empty when it is ready."""
    return replica.obstacle.sentence if replica.obstacle is not None else ""


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """Makes replicas, and keeps what they are made of by their ids."""

    def __init__(self, wanted: tuple[str, ...] = (MODEL,), **settings: Any) -> None:
        self.engines: dict[str, FakeEngine] = {}
        self.hosts: dict[str, FakeHost] = {}
        self.clocks: dict[str, Clock] = {}
        self.prepared: dict[str, tuple[FakeEngine, FakeHost]] = {}
        adapters = settings.pop("adapters", {})
        self._vetting = Vetting("ko", Identity("ko", wanted), adapters)
        self._settings = {"parallel": 8, "rounds": QUICK, **settings}

    def __call__(self, found: Found) -> Replica:
        """As `Pool` wants it."""
        engine, host = self.prepared.get(found.name, (None, None))
        self.engines[found.name] = engine = engine or FakeEngine()
        self.hosts[found.name] = host = host or FakeHost()
        self.clocks[found.name] = clock = Clock()
        return Replica(
            found.name,
            engine,
            host,
            self._vetting,
            group=found.group,
            weight=found.weight,
            breaker=Breaker(clock, lambda: 1.0),
            **self._settings,
        )


async def until(condition: Callable[[], bool]) -> None:
    """Returns when it holds, and fails if that takes ten seconds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)
