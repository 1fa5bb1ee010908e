"""A closed loop of streamed chats: each of so many callers sends its next request when its last one has ended."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc

import soban.v1 as pb
from soban.cli.client import channel_options
from soban.cli.failure import Problem, problem_of

QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Sample:
    """One request, in seconds on this machine's clock."""

    total: float
    first_text: float | None = None
    output_tokens: int = 0
    problem: Problem | None = None


@dataclass(frozen=True)
class Load:
    """How much is asked, and for how long at most."""

    streams: int
    requests: int
    seconds: float
    timeout: float


@dataclass(frozen=True)
class Report:
    """What a run found; `seconds` is its whole length, `complete` whether all requests were made in time."""

    samples: Sequence[Sample]
    seconds: float
    complete: bool

    @property
    def output_tokens(self) -> int:
        """Of all requests that succeeded."""
        return sum(sample.output_tokens for sample in self.samples)

    @property
    def tokens_per_second(self) -> float:
        """Over the whole run."""
        return self.output_tokens / self.seconds if self.seconds else 0.0

    @property
    def errors(self) -> Counter[str]:
        """How many ended with which `STATUS REASON`."""
        problems = (sample.problem for sample in self.samples if sample.problem)
        return Counter(f"{problem.code} {problem.reason}" for problem in problems)

    @property
    def first_text_ms(self) -> dict[str, float]:
        """`p50`, `p95`, `p99` of the time until the first text; empty when there was none."""
        return quantiles([sample.first_text for sample in self.samples if sample.first_text is not None])

    @property
    def total_ms(self) -> dict[str, float]:
        """`p50`, `p95`, `p99` of the time until the end, of requests that succeeded."""
        return quantiles([sample.total for sample in self.samples if sample.problem is None])


def quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Nearest-rank quantiles in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    return {f"p{q * 100:.0f}": round(1000 * ordered[math.ceil(q * len(ordered)) - 1], 1) for q in QUANTILES}


async def measure(address: str, request: Callable[[int], pb.ChatRequest], load: Load) -> Report:
    """Sends `request(0)`, `request(1)`, ...; what has not ended after `load.seconds` is cancelled and not counted."""
    samples: list[Sample] = []
    numbers = itertools.count()
    async with grpc.aio.insecure_channel(address, options=channel_options(address)) as channel:
        stub: pb.ChatServiceAsyncStub = pb.ChatServiceStub(channel)

        async def caller() -> None:
            while (number := next(numbers)) < load.requests:
                samples.append(await _ask(stub, request(number), load.timeout))

        began = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(load.seconds):
                await asyncio.gather(*(caller() for _ in range(min(load.streams, load.requests))))
        return Report(samples, time.monotonic() - began, len(samples) == load.requests)


async def _ask(stub: pb.ChatServiceAsyncStub, request: pb.ChatRequest, timeout: float) -> Sample:  # noqa: ASYNC109
    began = time.monotonic()
    first: float | None = None
    tokens = 0
    try:
        async for event in stub.StreamChat(pb.StreamChatRequest(chat=request), timeout=timeout):
            if first is None and event.delta.text:
                first = time.monotonic() - began
            tokens += event.summary.usage.output_tokens
    except grpc.aio.AioRpcError as err:
        return Sample(time.monotonic() - began, problem=problem_of(err))
    return Sample(time.monotonic() - began, first, tokens)
