"""An engine and a replica that do what a test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Event, Finished, Piece, Started, Usage
from soban.generation.engines.http import Endpoint
from soban.generation.host import Probe
from soban.runtime.errors import SobanError

END = Finished(pb.FINISH_REASON_STOP, Usage(input_tokens=5, output_tokens=3, cached_input_tokens=1))

Step = Event | SobanError | asyncio.Event


class FakeEngine:
    """Each call plays the next of `plays`, the last one again and again. Errors are raised, asyncio events awaited."""

    def __init__(self, *plays: Sequence[Step]) -> None:
        self.plays: list[Sequence[Step]] = list(plays) or [[Started(), Piece("안녕", tokens=1), END]]
        self.asked: list[tuple[pb.GenerateRequest, int | None]] = []
        self.closed = 0
        self.alive = True
        self.description: Description | SobanError = Description(context_length=1024, slots=4, tools=True)

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
                    yield step
        finally:
            self.closed += 1

    async def describe(self) -> Description:
        if isinstance(self.description, SobanError):
            raise self.description
        return self.description

    async def healthy(self) -> bool:
        return self.alive


class FakeReplica:
    """Ready from its start on, until a test says otherwise."""

    def __init__(self) -> None:
        self.ready = False
        self.loading = True
        self.stopped = False
        self.fails: Any = None

    def endpoint(self) -> Endpoint:
        return Endpoint("http://fake")

    async def start(self, probe: Probe) -> None:
        if self.fails is not None:
            raise self.fails
        self.ready, self.loading = await probe(), False

    async def stop(self) -> None:
        self.ready, self.stopped = False, True
