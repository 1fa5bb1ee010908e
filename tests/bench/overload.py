"""Generation at five times its capacity: what it still gets done, and what the others are told.

Capacity is measured in a closed loop over the same mix of requests, before and afterwards, as other work on the machine
moves it; in between arrivals come at random, five times as many as can be answered, whatever becomes of them. Load
generator, server and engine share this machine: the last lines of each block say what each of them took.

Usage: PYTHONPATH=tests python tests/bench/overload.py [--seconds 60] [--times 5]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import grpc
import psutil
import rig as rigs
import uvloop
from open_loop import Asker, Kind, Outcome, closed, drawing, opened
from table import Line, print_lines

import soban.v1 as pb
from soban.cli.load import quantiles

_MODEL = "soban-demo"
_PARALLEL = 8
_QUEUE_LIMIT = 32
_CAPACITY_SECONDS = 15.0
_WARM_SECONDS = 5.0
_MEMORY_MIB = 32.0
_DEADLINES = (3.0, 20.0)

ALIKE = (Kind("all", 1.0, 256, _DEADLINES),)
MIXED = (
    Kind("대량 (many, short)", 0.60, 128, _DEADLINES, "대량"),
    Kind("문서 (long)", 0.15, 448, _DEADLINES, "문서"),
    Kind("상담 (few)", 0.15, 256, _DEADLINES, "상담"),
    Kind("HIGH", 0.04, 256, (10.0, 20.0), "상담", pb.PRIORITY_HIGH),
    Kind("LOW", 0.06, 256, _DEADLINES, "배치", pb.PRIORITY_LOW),
)


class Cores(NamedTuple):
    """Processor time over time of each process."""

    generator: float
    server: float
    engine: float


class Usage:
    """What the processes on this machine took, read before and after a run."""

    def __init__(self, server: psutil.Process) -> None:
        self.server = server
        self.start()

    def start(self) -> None:
        self.began, self.cpu = time.perf_counter(), self._cpu()

    def cores(self) -> Cores:
        """Since `start`."""
        seconds = time.perf_counter() - self.began
        return Cores(*((now - before) / seconds for now, before in zip(self._cpu(), self.cpu, strict=True)))

    def memory(self) -> float:
        """MiB of the server without its engine, shared pages counted once."""
        return self.server.memory_full_info().pss / 2**20

    def _cpu(self) -> Cores:
        engine = sum(map(_cpu_seconds, self.server.children(recursive=True)))
        return Cores(_cpu_seconds(psutil.Process()), _cpu_seconds(self.server), engine)


def _cpu_seconds(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return spent.user + spent.system


@contextlib.asynccontextmanager
async def generation() -> AsyncIterator[tuple[Asker, psutil.Process]]:
    """A generation server of its own with the bundled model."""
    (port,) = rigs.free_ports(1)
    model = {"url": f"bundled:{_MODEL}", "parallel": _PARALLEL, "queueLimit": _QUEUE_LIMIT}
    server = {"port": port, "metricsPort": 0, "logLevel": "error"}
    with tempfile.TemporaryDirectory(prefix="soban-bench-") as folder:
        file = Path(folder) / "soban.yaml"
        settings = {"models": {_MODEL: model}, "services": {"generation": server}}
        file.write_text(json.dumps(settings), encoding="utf-8")
        with rigs.service("generation", file) as process:
            await rigs.ready(port)
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield Asker(pb.GenerationServiceStub(channel), _MODEL), process


async def measure(title: str, kinds: Sequence[Kind], seconds: float, times: float) -> None:
    """Capacity, overload, capacity again, and a block of lines."""
    async with generation() as (asker, server):
        usage = Usage(server)
        before = await _capacity(asker, kinds)
        at_capacity, memory = usage.cores(), usage.memory()
        usage.start()
        outcomes = await opened(asker, drawing(kinds), times * before / _mean_tokens(kinds), seconds)
        took, overloaded, memory_after = time.perf_counter() - usage.began, usage.cores(), usage.memory()
        usage.start()
        after = await _capacity(asker, kinds)
        at_capacity = Cores(*(sum(pair) / 2 for pair in zip(at_capacity, usage.cores(), strict=True)))
    lines = [
        Line("capacity before / after, closed loop, tokens/s", f"{before:.0f} / {after:.0f}"),
        Line("offered, requests", str(len(outcomes))),
        *_work_lines(outcomes, (before + after) / 2, took),
        _effort_line(outcomes, took, overloaded, (before + after) / 2, at_capacity),
        *_refusal_lines(outcomes),
        *(_share_lines(kinds, outcomes) if len(kinds) > 1 else ()),
        *_memory_lines(memory, memory_after),
        *_core_lines(at_capacity, overloaded),
    ]
    print_lines(f"{title}: {times:g}x capacity, open loop, {seconds:g} s", lines)


async def _capacity(asker: Asker, kinds: Sequence[Kind]) -> float:
    """Tokens a second of callers that fill the queue to a quarter, without hurry."""
    patient = drawing([replace(kind, seconds=(60.0, 60.0), priority=pb.PRIORITY_NORMAL) for kind in kinds])
    return _tokens(await closed(asker, patient, 2 * _PARALLEL, _WARM_SECONDS, _CAPACITY_SECONDS)) / _CAPACITY_SECONDS


def _mean_tokens(kinds: Sequence[Kind]) -> float:
    """Of the average request."""
    return sum(kind.share * kind.tokens for kind in kinds) / sum(kind.share for kind in kinds)


def _tokens(outcomes: Sequence[Outcome]) -> int:
    return sum(outcome.tokens for outcome in outcomes)


def _work_lines(outcomes: Sequence[Outcome], capacity: float, seconds: float) -> list[Line]:
    """`seconds` from the first arrival to the last end."""
    answered = [outcome for outcome in outcomes if not outcome.code]
    missed = [outcome for outcome in outcomes if outcome.code == "DEADLINE_EXCEEDED"]
    other = [outcome for outcome in outcomes if outcome.code not in ("", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")]
    goodput = _tokens(answered) / seconds / capacity
    late = len(missed) / max(1, len(missed) + len(answered))
    waits = quantiles([outcome.queued for outcome in answered])
    return [
        Line("answered in time, requests", str(len(answered))),
        Line("goodput over capacity", f"{goodput:.3f}", ">= 0.95", goodput >= 0.95),
        Line("waited in the queue p50 / p99, s", f"{waits['p50'] / 1000:.1f} / {waits['p99'] / 1000:.1f}"),
        Line("accepted but not in time", f"{late:.2%}", "<= 1 %", late <= 0.01),
        Line("ended in any other way", str(len(other)), "0", not other),
    ]


def _effort_line(
    outcomes: Sequence[Outcome], took: float, overloaded: Cores, capacity: float, at_capacity: Cores
) -> Line:
    """Free of what else runs on the machine: work of the engine that nobody got would show here."""
    ratio = (_tokens(outcomes) / took / overloaded.engine) / (capacity / at_capacity.engine)
    return Line("tokens per engine CPU-second, over that at capacity", f"{ratio:.3f}", ">= 0.95", ratio >= 0.95)


def _refusal_lines(outcomes: Sequence[Outcome]) -> list[Line]:
    refused = [outcome for outcome in outcomes if outcome.code == "RESOURCE_EXHAUSTED"]
    at_once = [outcome for outcome in refused if outcome.cause in ("full", "deadline")]
    told = sum(outcome.retry_after is not None for outcome in refused) / max(1, len(refused))
    times = quantiles([outcome.seconds for outcome in at_once])
    causes = {cause: sum(outcome.cause == cause for outcome in refused) for cause in ("displaced", "late")}
    retries = sorted(outcome.retry_after or 0.0 for outcome in refused)
    return [
        Line("refused on arrival, requests", str(len(at_once))),
        Line("  answered within p50, ms", f"{times['p50']:.1f}"),
        Line("  answered within p99, ms", f"{times['p99']:.1f}", "<= 50", times["p99"] <= 50),
        Line("  with RetryInfo", f"{told:.0%}", "100%", told == 1.0),
        Line("  told to come again in, s", f"{retries[0]:.1f} - {retries[-1]:.1f}"),
        Line("gave up their place in the queue to others", str(causes["displaced"])),
        Line("dropped in the queue, no longer in time", str(causes["late"])),
    ]


def _share_lines(kinds: Sequence[Kind], outcomes: Sequence[Outcome]) -> list[Line]:
    lines, normal = [], []
    for kind in kinds:
        own = [outcome for outcome in outcomes if outcome.kind is kind]
        answered = sum(not outcome.code for outcome in own)
        text = f"{answered} of {len(own)}, {_tokens(own)} tokens"
        bar = ("all", answered == len(own)) if kind.priority == pb.PRIORITY_HIGH else ()
        lines.append(Line(f"  {kind.name}", text, *bar))
        if kind.priority == pb.PRIORITY_NORMAL:
            normal.append(float(_tokens(own)))
    jain = sum(normal) ** 2 / (len(normal) * sum(share**2 for share in normal))
    return [*lines, Line("fairness of tokens between tenants (Jain)", f"{jain:.3f}", ">= 0.95", jain >= 0.95)]


def _memory_lines(before: float, after: float) -> list[Line]:
    return [
        Line("memory of the server before / after, MiB", f"{before:.0f} / {after:.0f}"),
        Line("  growth, MiB", f"{after - before:.1f}", f"<= {_MEMORY_MIB:g}", after - before <= _MEMORY_MIB),
    ]


def _core_lines(at_capacity: Cores, overloaded: Cores) -> list[Line]:
    return [
        Line("cores at capacity: generator / server / engine", " / ".join(f"{cores:.2f}" for cores in at_capacity)),
        Line("cores in overload: generator / server / engine", " / ".join(f"{cores:.2f}" for cores in overloaded)),
    ]


async def _measure_all(seconds: float, times: float) -> None:
    print(f"\n## Overload: {_MODEL}, {_PARALLEL} sequences, {_QUEUE_LIMIT} places in the queue")
    await measure("One tenant", ALIKE, seconds, times)
    await measure("Three tenants and three priorities", MIXED, seconds, times)


def run(seconds: float = 60.0, times: float = 5.0) -> None:
    """Prints both blocks."""
    random.seed(4)
    uvloop.run(_measure_all(seconds, times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of overload, for each block (default: 60)")
    parser.add_argument("--times", type=float, default=5.0, help="arrivals over capacity (default: 5)")
    args = parser.parse_args()
    run(args.seconds, args.times)


if __name__ == "__main__":
    main()
