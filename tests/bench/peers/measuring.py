"""Rounds of one load through every system in turn, so that a slow moment of the machine hits all alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import aiohttp
import grpc

from peers.asking import Mode, closed
from peers.systems import ENGINE, System
from soban.cli.load import Report

_REFUSED = (aiohttp.ClientError, grpc.aio.AioRpcError, TimeoutError, KeyError, ValueError)


class _Failed(Exception):  # noqa: N818 - named by what happened
    """A system did not do what was asked of it; says why."""


@dataclass(frozen=True)
class Run:
    """One system under one load, once."""

    report: Report
    cpu_seconds: Mapping[str, float]
    """Of each process."""


@dataclass
class Load:
    """What came of `callers` at once, by system and round."""

    callers: int
    runs: dict[str, dict[int, Run]]
    failed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Why a system has no figures of some rounds."""

    def speed(self, name: str) -> float:
        """Median tokens/s."""
        return median(run.report.tokens_per_second for run in self.runs[name].values())

    def ratio(self, name: str) -> float:
        """Median over rounds of its tokens/s over the engine's."""
        return median(a.tokens_per_second / b.tokens_per_second for a, b in self._pairs(name))

    def added(self, name: str) -> float:
        """Median over rounds of the milliseconds by which the first text (p50) comes later than from the engine."""
        return median(a.first_text_ms["p50"] - b.first_text_ms["p50"] for a, b in self._pairs(name))

    def first_text(self, name: str) -> float:
        """Median over rounds of the first text's p50, in milliseconds."""
        return median(run.report.first_text_ms["p50"] for run in self.runs[name].values())

    def cpu_per_million(self, name: str) -> dict[str, float]:
        """CPU seconds of each process per million tokens, over all rounds."""
        runs = list(self.runs[name].values())
        tokens = sum(run.report.output_tokens for run in runs)
        return {part: 1e6 * sum(run.cpu_seconds[part] for run in runs) / tokens for part in runs[0].cpu_seconds}

    def _pairs(self, name: str) -> list[tuple[Report, Report]]:
        mine, engine = self.runs[name], self.runs[ENGINE]
        return [(mine[number].report, engine[number].report) for number in mine.keys() & engine.keys()]


async def warm(systems: Sequence[System], mode: Mode) -> None:
    """A few answers from each that are not counted."""
    for system in systems:
        async with system.connect(mode) as ask:
            await closed(ask, 4, 8)


async def measure(systems: Sequence[System], mode: Mode, callers: int, requests: int, rounds: int) -> Load:
    """Each round begins with another system, as the engine's caches know the questions of the one before."""
    load = Load(callers, {system.name: {} for system in systems})
    for number in range(rounds):
        first = number % len(systems)
        for system in (*systems[first:], *systems[:first]):
            try:
                load.runs[system.name][number] = await _once(system, mode, callers, requests)
            except _Failed as err:
                load.failed[system.name].append(str(err))
    return load


async def _once(system: System, mode: Mode, callers: int, requests: int) -> Run:
    before = system.cpu_seconds()
    try:
        async with system.connect(mode) as ask:
            report = await closed(ask, callers, requests)
    except ExceptionGroup as group:
        if group.split(_REFUSED)[1] is not None:
            raise
        raise _Failed(_reason(group)) from group
    if report.output_tokens != requests * mode.tokens:
        raise _Failed(f"{report.output_tokens} tokens in place of {requests * mode.tokens}")
    return Run(report, {part: seconds - before[part] for part, seconds in system.cpu_seconds().items()})


def _reason(group: ExceptionGroup[Exception]) -> str:
    first = group.exceptions[0]
    return f"{type(first).__name__}: {first}".splitlines()[0]
