"""Load on the gateway: a closed loop to measure capacity, an open one for queues, a steady number of streams."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from cluster.answer import Answer, Ask


class Asker(Protocol):
    """Whoever can be asked."""

    async def ask(self, ask: Ask, number: int) -> Answer:
        """Reads one whole stream."""


@dataclass(frozen=True)
class Summary:
    """What became of a load."""

    sent: int
    ok: int
    broken: int
    refused: int
    resumed: int
    first_p50: float
    first_p90: float
    queued_p90: float
    why: dict[str, int]
    """How often which fault or refusal; at most five kinds."""

    def __str__(self) -> str:
        return f"{self.ok} ok, {self.broken} broken, {self.refused} refused of {self.sent}"


def summarize(answers: Sequence[Answer]) -> Summary:
    """Counts of all answers; times of those that were whole."""
    counts = Counter(answer.status for answer in answers)
    whole = [answer for answer in answers if answer.status == "ok"]
    firsts = [answer.first for answer in whole if answer.first is not None]
    return Summary(
        len(answers),
        counts["ok"],
        counts["broken"],
        counts["refused"],
        sum(answer.resumes > 0 for answer in whole),
        quantile(firsts, 0.5),
        quantile(firsts, 0.9),
        quantile([answer.queued for answer in whole], 0.9),
        dict(Counter(answer.why[:200] for answer in answers if answer.why).most_common(5)),
    )


def quantile(values: Sequence[float], q: float) -> float:
    """By nearest rank; 0 of nothing."""
    ordered = sorted(values)
    return ordered[math.ceil(q * len(ordered)) - 1] if ordered else 0.0


async def closed(asker: Asker, ask: Ask, callers: int, seconds: float, first: int = 0) -> list[Answer]:
    """Each caller asks again as soon as its answer is whole, until `seconds` are over; all answers end.

    Prompts are numbered from `first`: two loads with other numbers share no prompt.
    """
    answers: list[Answer] = []
    numbers = itertools.count(first)
    end = time.monotonic() + seconds

    async def caller() -> None:
        while time.monotonic() < end:
            answers.append(await asker.ask(ask, next(numbers)))

    await asyncio.gather(*(caller() for _ in range(callers)))
    return answers


def capacity(answers: Sequence[Answer], skip: float) -> float:
    """Answers a second of a closed loop, from `skip` seconds after its begin until its callers stopped asking."""
    begin = min(answer.sent for answer in answers) + skip
    end = max(answer.sent for answer in answers)
    inside = [answer for answer in answers if answer.status == "ok" and begin <= answer.ended <= end]
    return len(inside) / (end - begin)


@dataclass(frozen=True)
class Phase:
    """A part of an open loop: arrivals a second, and for how long."""

    rate: float
    seconds: float


def arrivals(phases: Sequence[Phase], seed: int) -> Iterator[float]:
    """Seconds from the begin at which requests arrive: Poisson, so gaps are exponential; the same for the same seed."""
    draw = random.Random(seed)
    begin = 0.0
    for phase in phases:
        at = begin + draw.expovariate(phase.rate)
        while at < begin + phase.seconds:
            yield at
            at += draw.expovariate(phase.rate)
        begin += phase.seconds


async def opened(asker: Asker, ask: Ask, phases: Sequence[Phase], seed: int, first: int = 0) -> list[Answer]:
    """Asks at each arrival whatever became of those before; returns when all phases are over and all answers ended."""
    begin = time.monotonic()
    tasks: list[asyncio.Task[Answer]] = []
    try:
        for number, at in enumerate(arrivals(phases, seed), first):
            await asyncio.sleep(begin + at - time.monotonic())
            tasks.append(asyncio.create_task(asker.ask(ask, number)))
        await asyncio.sleep(begin + sum(phase.seconds for phase in phases) - time.monotonic())
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


class Steady:
    """So many streams at all times while the `async with` lasts: one that ends is followed by a new one.

    At its end no new one begins, and all that run are heard to their ends: then `answers` has all of them.
    """

    def __init__(self, asker: Asker, ask: Ask, streams: int, first: int = 0, spread: float = 2.0) -> None:
        self.answers: list[Answer] = []
        self._asker, self._ask, self._streams = asker, ask, streams
        self._numbers, self._spread = itertools.count(first), spread
        self._stopping = False

    async def __aenter__(self) -> Steady:
        self._callers = [asyncio.create_task(self._call()) for _ in range(self._streams)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        if error is not None:
            for caller in self._callers:
                caller.cancel()
        await asyncio.gather(*self._callers, return_exceptions=error is not None)

    async def _call(self) -> None:
        # Not all at once, so that at any time streams are at all of their stages.
        await asyncio.sleep(random.uniform(0, self._spread))
        while not self._stopping:
            self.answers.append(await self._asker.ask(self._ask, next(self._numbers)))
