"""Streams of answers straight from generation, in a closed loop and in an open one, and what became of each."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
from questions import question

import soban.v1 as pb
from soban.runtime.details import unpack


@dataclass(frozen=True)
class Kind:
    """Requests of one sort. `share` is its part of all arrivals; `seconds` are the shortest and longest deadline."""

    name: str
    share: float
    tokens: int
    seconds: tuple[float, float] = (60.0, 60.0)
    tenant: str = ""
    priority: pb.Priority.ValueType = pb.PRIORITY_NORMAL


@dataclass(frozen=True)
class Outcome:
    """One request. Times are in seconds; `code` is empty for a whole answer."""

    kind: Kind
    seconds: float
    tokens: int = 0
    queued: float = 0.0
    code: str = ""
    reason: str = ""
    cause: str = ""
    retry_after: float | None = None


@dataclass(frozen=True)
class Asker:
    """Asks one model at one address."""

    stub: pb.GenerationServiceAsyncStub
    model: str

    async def ask(self, kind: Kind, number: int) -> Outcome:
        """Reads the whole stream."""
        request = pb.StreamGenerateRequest(generate=self._request(kind, number))
        timeout = random.uniform(*kind.seconds)
        began, summary = time.perf_counter(), pb.GenerationSummary()
        try:
            async for event in self.stub.StreamGenerate(request, timeout=timeout):
                if event.HasField("summary"):
                    summary = event.summary
        except grpc.aio.AioRpcError as err:
            details = unpack(err.trailing_metadata())
            return Outcome(
                kind,
                time.perf_counter() - began,
                code=err.code().name,
                reason=details.reason,
                cause=details.metadata.get("cause", ""),
                retry_after=details.retry_after,
            )
        seconds = time.perf_counter() - began
        return Outcome(kind, seconds, summary.usage.output_tokens, summary.timings.queue_ms / 1000)

    def _request(self, kind: Kind, number: int) -> pb.GenerateRequest:
        part = pb.ContentPart(text=question(number))
        return pb.GenerateRequest(
            model=self.model,
            messages=[pb.Message(role=pb.ROLE_USER, parts=[part])],
            options=pb.GenerationOptions(max_tokens=kind.tokens, ignore_eos=True, temperature=0.7, seed=number),
            tenant=kind.tenant,
            priority=kind.priority,
        )


async def closed(asker: Asker, draw: Callable[[], Kind], callers: int, warm: float, seconds: float) -> list[Outcome]:
    """Each caller asks again when its answer is there. What ended in the `seconds` after the first `warm` ones."""
    outcomes: list[Outcome] = []
    # No prompt twice: the engine's cache would make capacity look larger than it is for strangers.
    numbers = itertools.count(random.randrange(10**9))

    async def caller() -> None:
        while True:
            outcomes.append(await asker.ask(draw(), next(numbers)))

    tasks = [asyncio.create_task(caller()) for _ in range(callers)]
    await asyncio.sleep(warm)
    outcomes.clear()
    await asyncio.sleep(seconds)
    found = list(outcomes)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return found


async def opened(asker: Asker, draw: Callable[[], Kind], rate: float, seconds: float) -> list[Outcome]:
    """`rate` arrivals a second at random (Poisson), whatever becomes of them; returns when all have ended."""
    tasks: list[asyncio.Task[Outcome]] = []
    first = random.randrange(10**9)
    begin = next_arrival = time.perf_counter()
    while next_arrival - begin < seconds:
        await asyncio.sleep(max(0.0, next_arrival - time.perf_counter()))
        tasks.append(asyncio.create_task(asker.ask(draw(), first + len(tasks))))
        next_arrival += random.expovariate(rate)
    return list(await asyncio.gather(*tasks))


def drawing(kinds: Sequence[Kind]) -> Callable[[], Kind]:
    """One kind after the other, at random by their shares."""
    weights = [kind.share for kind in kinds]
    return lambda: random.choices(kinds, weights)[0]
