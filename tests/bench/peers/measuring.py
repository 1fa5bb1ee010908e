"""Rounds of one load through every system in turn, so that a slow moment of the machine hits all alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import aiohttp
import grpc

from peers.asking import Mode, closed
from peers.systems import ENGINE, System
from soban.cli.load import Report

_REFUSED = (aiohttp.ClientError, grpc.aio.AioRpcError, TimeoutError, KeyError, ValueError)


@dataclass(frozen=True)
class Run:
    """One system under one load, once."""

    report: Report
    cpu_seconds: Mapping[str, float]
    """Of each process."""


@dataclass
class Load:
    """What came of `callers` at once, by system and in the order of rounds."""

    callers: int
    runs: dict[str, list[Run]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Why a system has no figures here."""

    def fail(self, name: str, why: str) -> None:
        """A system that fails once is not asked again, and has no figures."""
        self.failed[name] = why
        self.runs[name] = []

    def speed(self, name: str) -> float:
        """Median tokens/s."""
        return median(run.report.tokens_per_second for run in self.runs[name])

    def ratio(self, name: str) -> float:
        """Median over rounds of its tokens/s over the engine's."""
        return median(a.tokens_per_second / b.tokens_per_second for a, b in self._pairs(name))

    def added(self, name: str) -> float:
        """Median over rounds of the milliseconds by which the first text (p50) comes later than from the engine."""
        return median(a.first_text_ms["p50"] - b.first_text_ms["p50"] for a, b in self._pairs(name))

    def first_text(self, name: str) -> float:
        """Median over rounds of the first text's p50, in milliseconds."""
        return median(run.report.first_text_ms["p50"] for run in self.runs[name])

    def cpu_per_million(self, name: str) -> dict[str, float]:
        """CPU seconds of each process per million tokens, over all rounds."""
        runs = self.runs[name]
        tokens = sum(run.report.output_tokens for run in runs)
        return {part: 1e6 * sum(run.cpu_seconds[part] for run in runs) / tokens for part in runs[0].cpu_seconds}

    def _pairs(self, name: str) -> list[tuple[Report, Report]]:
        return [(a.report, b.report) for a, b in zip(self.runs[name], self.runs[ENGINE], strict=True)]


async def warm(systems: Sequence[System], mode: Mode) -> None:
    """A few answers from each that are not counted."""
    for system in systems:
        async with system.connect(mode) as ask:
            await closed(ask, 4, 8)


async def measure(systems: Sequence[System], mode: Mode, callers: int, requests: int, rounds: int) -> Load:
    """Each round begins with another system, as the engine's caches know the questions of the one before."""
    load = Load(callers, {system.name: [] for system in systems})
    for number in range(rounds):
        first = number % len(systems)
        for system in (*systems[first:], *systems[:first]):
            if system.name not in load.failed:
                await _once(load, system, mode, requests)
    return load


async def _once(load: Load, system: System, mode: Mode, requests: int) -> None:
    before = system.cpu_seconds()
    try:
        async with system.connect(mode) as ask:
            report = await closed(ask, load.callers, requests)
    except ExceptionGroup as group:
        if group.split(_REFUSED)[1] is not None:
            raise
        load.fail(system.name, _reason(group))
        return
    if report.output_tokens != requests * mode.tokens:
        load.fail(system.name, f"{report.output_tokens} tokens in place of {requests * mode.tokens}")
        return
    spent = {part: seconds - before[part] for part, seconds in system.cpu_seconds().items()}
    load.runs[system.name].append(Run(report, spent))


def _reason(group: ExceptionGroup[Exception]) -> str:
    first = group.exceptions[0]
    return f"{type(first).__name__}: {first}".splitlines()[0]
