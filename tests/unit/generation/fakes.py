"""Engines and hosts that do what a test tells them, and a model over them."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

import soban.v1 as pb
from soban.generation.admission import Admission
from soban.generation.choosing.chooser import Chooser
from soban.generation.cost import Pricer
from soban.generation.description import Card
from soban.generation.discovery.source import Found
from soban.generation.discovery.static import Static
from soban.generation.engine import Description, EngineRequest, Event, Feature, Finished, Piece, Reading, Started, Usage
from soban.generation.engines.http import Endpoint
from soban.generation.fleet import Fleet
from soban.generation.host import Probe
from soban.generation.instruments import Spending
from soban.generation.pool import Pool
from soban.generation.replica import Replica
from soban.generation.served import ServedModel
from soban.generation.tenants import TenantNames
from soban.generation.tending import Rounds
from soban.generation.vetting import Vetting
from soban.runtime.errors import SobanError
from soban.runtime.markers import Markers
from soban.runtime.model_settings import ModelConfig
from soban.runtime.telemetry import Telemetry

END = Finished(pb.FINISH_REASON_STOP, Usage(input_tokens=5, output_tokens=3, cached_input_tokens=1))

Step = Event | SobanError | asyncio.Event


class FakeEngine:
    """Each call plays the next of `plays`, the last one again and again. Errors are raised, asyncio events awaited."""

    support = frozenset(Feature)

    def __init__(self, *plays: Sequence[Step]) -> None:
        self.plays: list[Sequence[Step]] = list(plays) or [[Started(), Piece("안녕", tokens=1), END]]
        self.asked: list[tuple[pb.GenerateRequest, int | None]] = []
        self.closed = 0
        self.description: Description | SobanError = Description(context_length=1024, slots=4)

    def check(self, request: pb.GenerateRequest) -> None:
        """Everything is possible."""

    async def generate(self, asked: EngineRequest) -> AsyncGenerator[Event, None]:
        self.asked.append((asked.request, asked.seed))
        play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
        try:
            for step in play:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, SobanError):
                    raise step
                else:
                    yield copy.copy(step)
        finally:
            self.closed += 1

    async def describe(self) -> Description:
        if isinstance(self.description, SobanError):
            raise self.description
        return self.description

    async def healthy(self) -> bool:
        return True

    async def read_load(self) -> Reading:
        return Reading()

    async def load_adapter(self, name: str, path: str) -> None:
        """It has them all."""


class FakeHost:
    """Up from its start on, until a test says otherwise."""

    def __init__(self) -> None:
        self._ready = False
        self.loading = True
        self.stopped = False
        self.fails: Exception | None = None
        self._call: Callable[[], None] = lambda: None

    @property
    def ready(self) -> bool:
        return self._ready

    @ready.setter
    def ready(self, ready: bool) -> None:
        self._ready = ready
        self._call()

    def endpoint(self) -> Endpoint:
        return Endpoint("http://fake")

    def on_change(self, call: Callable[[], None]) -> None:
        self._call = call

    def doubt(self) -> None:
        """It knows how it is."""

    async def start(self, probe: Probe) -> None:
        if self.fails is not None:
            raise self.fails
        self.loading = False
        self.ready = True

    async def stop(self) -> None:
        self.stopped = True
        self.ready = False


@dataclass
class FakeFleet:
    """Replicas of a model called `ko`: one for each of `engines`, which are warm and right without being asked."""

    engines: list[FakeEngine]
    parallel: int = 4
    markers: Markers = field(default_factory=Markers)

    def __post_init__(self) -> None:
        self.hosts = [FakeHost() for _ in self.engines]
        self.pool = Pool("ko", Static(Found(f"ko-{index}") for index in range(len(self.engines))), self._replica)

    def _replica(self, found: Found) -> Replica:
        index = int(found.url.removeprefix("ko-"))
        vetting = Vetting("ko", None, {}, warm=False)
        rounds = Rounds(load_busy=60.0, load_idle=60.0)
        return Replica(
            found.name, self.engines[index], self.hosts[index], vetting, parallel=self.parallel, rounds=rounds
        )

    def model(self, **config: Any) -> ServedModel:
        """The model over them, to be started."""
        chosen = ModelConfig(url="m", parallel=self.parallel, **config)
        return ServedModel(
            "ko",
            Card(chosen, "", Timestamp()),
            self.markers,
            speaker=self.engines[0],
            pool=self.pool,
            fleet=Fleet(self.pool, Chooser(Random(1)), chosen.hold_seconds),
            admission=Admission(chosen.queue_limit, chosen.hold_seconds, lambda: self.pool.why_not),
            pricer=Pricer(chosen.price),
            spending=Spending(Telemetry.noop(), TenantNames(1)),
        )
