"""Tokenization over gRPC against Kiwi in this process, in turn, in one run; server and clients are processes apart.

Usage: python tests/bench/tokenization.py

Everything runs on two processors. What is compared is measured in alternation, so that a slow moment of the machine
hits both; ratios are medians over rounds.

The batch ratio is about 0.82 to 0.86. Both sides use the processors whole, so that it is a ratio of CPU: for 50
characters Kiwi takes 560 microseconds, and what a program in the same process never does takes 130 more: to write 27
morphemes of 14 fields (60), to pass texts and answers between processes (30), gRPC on both sides (40).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import grpc
import psutil
import uvloop
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rig import free_ports
from table import Line, print_lines

import soban.v1 as pb

TEXT = "어제 친구랑 서울에 있는 오래된 식당에서 맛있는 김치찌개를 먹고 한강을 걸었습니다. 날씨가 참"
HOSTILE = "가" * 3_999
MODEL = "soban-demo"
PROCESSORS = 2
WORKERS = PROCESSORS + 1
ROUNDS = 5

_SECONDS = 2.0
_BATCH = [TEXT] * 64
_OPTIONS = (("grpc.max_receive_message_length", -1),)
_MIB = 2**20

Call = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Load:
    """Of a closed loop: calls a second, and milliseconds that one took."""

    rate: float
    p50: float
    p99: float

    @classmethod
    def of(cls, latencies: list[float], seconds: float) -> Load:
        """`latencies` are in seconds."""
        cuts = quantiles(latencies, n=100)
        return cls(len(latencies) / seconds, 1e3 * cuts[49], 1e3 * cuts[98])


class Server:
    """The service in a process of its own, with its nursery and workers."""

    def __init__(self, process: psutil.Process, target: str) -> None:
        self.target = target
        self._family = [process, *process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Of all of them, so far."""
        return sum(sum(each.cpu_times()[:2]) for each in self._family)

    def memory_mib(self) -> float:
        """Of all of them, shared pages counted once (PSS)."""
        return sum(each.memory_full_info().pss for each in self._family) / _MIB


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server with the bundled model."""
    (port,) = free_ports(1)
    settings = {"port": port, "metricsPort": 0, "workers": WORKERS, "logLevel": "warning"}
    with tempfile.TemporaryDirectory(prefix="soban-bench-") as folder:
        file = Path(folder) / "soban.yaml"
        file.write_text(json.dumps({"services": {"tokenization": settings}}), encoding="utf-8")
        process = subprocess.Popen([sys.executable, "-m", "soban.tokenization", "-c", str(file)])
        try:
            _until_ready(f"127.0.0.1:{port}")
            yield Server(psutil.Process(process.pid), f"127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(timeout=30)


class InProcess:
    """Kiwi in this process, as a program without the service would use it."""

    def __init__(self) -> None:
        from kiwipiepy import Kiwi

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._alone = Kiwi(num_workers=0, model_type="cong")
            self._pool = Kiwi(num_workers=PROCESSORS, model_type="cong")
        for kiwi in (self._alone, self._pool):
            kiwi.tokenize(TEXT)

    def one_by_one(self) -> Load:
        """The text again and again, on one thread."""
        latencies = []
        end = time.perf_counter() + _SECONDS
        while (began := time.perf_counter()) < end:
            self._alone.analyze(TEXT)
            latencies.append(time.perf_counter() - began)
        return Load.of(latencies, sum(latencies))

    def batches(self) -> float:
        """Texts a second, in batches through Kiwi's own pool of threads."""
        began, count = time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < _SECONDS:
            count += len(list(self._pool.analyze(_BATCH)))
        return count / passed

    def document(self, text: str) -> float:
        """Seconds for a text, line by line through the pool."""
        began = time.perf_counter()
        for _ in self._pool.analyze(text.splitlines()):
            pass
        return time.perf_counter() - began


class Client:
    """Closed loops against the service over one channel."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    async def calls(self, call: Call, callers: int, seconds: float = _SECONDS) -> Load:
        """So many callers, each with one call at a time."""
        latencies: list[float] = []
        first = time.perf_counter()

        async def caller() -> None:
            while (began := time.perf_counter()) < first + seconds:
                await call()
                latencies.append(time.perf_counter() - began)

        await asyncio.gather(*(caller() for _ in range(callers)))
        return Load.of(latencies, time.perf_counter() - first)

    def analyze(self, text: str = TEXT, timeout: float | None = None) -> Call:
        """A call that analyses."""
        request = pb.AnalyzeRequest(text=text)
        return lambda: self._stub.Analyze(request, timeout=timeout)

    def analyze_batch(self) -> Call:
        """A call that analyses 64 texts."""
        request = pb.AnalyzeBatchRequest(texts=_BATCH)
        return lambda: self._stub.AnalyzeBatch(request)

    def count(self, texts: list[str]) -> Call:
        """A call that counts."""
        request = pb.CountTokensRequest(model=MODEL, texts=texts)
        return lambda: self._stub.CountTokens(request)


async def _small_calls(client: Client, kiwi: InProcess) -> list[Line]:
    lines = []
    inside = kiwi.one_by_one()
    alone = await client.calls(client.analyze(), 1)
    lines.append(Line("in process, one thread: p50", f"{inside.p50:.2f} ms"))
    lines.append(_at_most("1 caller: p50", alone.p50, 2.2, "ms"))
    lines.append(Line("1 caller: p99", f"{alone.p99:.2f} ms"))
    lines.append(Line("1 caller: added to Kiwi's own p50", f"{alone.p50 - inside.p50:.2f} ms"))
    for callers in (16, 64):
        load = await client.calls(client.analyze(), callers)
        lines.append(_at_least(f"{callers} callers", load.rate, 900, "/s"))
    return lines


async def _batches(client: Client, kiwi: InProcess) -> list[Line]:
    pairs = []
    for _ in range(ROUNDS):
        inside = kiwi.batches()
        pairs.append((inside, 64 * (await client.calls(client.analyze_batch(), 2)).rate))
    ratio = median(over / inside for inside, over in pairs)
    return [
        Line("in process, batches of 64", f"{median(inside for inside, _ in pairs):,.0f}/s"),
        Line("over gRPC, batches of 64", f"{median(over for _, over in pairs):,.0f}/s"),
        _at_least("ratio", ratio, 0.92, ""),
    ]


async def _long_texts(client: Client, kiwi: InProcess) -> list[Line]:
    lines = []
    for name, size, bar in (("10 KB", 10_000, None), ("100 KB", 100_000, 0.6), ("1 MB", 1_000_000, 5.5)):
        text = _document(size)
        inside, began = kiwi.document(text), time.perf_counter()
        await client.analyze(text)()
        seconds = time.perf_counter() - began
        lines.append(Line(f"in process, line by line: {name}", f"{inside:.2f} s"))
        lines.append(
            _at_most(f"over gRPC: {name}", seconds, bar, "s") if bar else Line(f"over gRPC: {name}", f"{seconds:.2f} s")
        )
    return lines


async def _beside_hostile(client: Client, server: Server) -> list[Line]:
    """A small call beside a text made to take long, and what is left of such a text after its deadline."""
    running = asyncio.create_task(client.calls(client.analyze(HOSTILE), 1, 2 * _SECONDS))
    small = await client.calls(client.analyze(), 1, 2 * _SECONDS)
    await running
    with contextlib.suppress(grpc.aio.AioRpcError):
        await client.analyze(HOSTILE[:1] * 100_000, timeout=0.5)()
    before = server.cpu_seconds()
    await asyncio.sleep(2.0)
    return [
        _at_most("small call beside it: p99", small.p99, 20, "ms"),
        _at_most("CPU after a missed deadline", server.cpu_seconds() - before, 0.3, "s"),
    ]


async def _counting(client: Client) -> list[Line]:
    single = await client.calls(client.count([TEXT]), 16)
    many = await client.calls(client.count(_BATCH), 2)
    return [
        _at_least("16 callers", single.rate, 2_300, "/s"),
        _at_least("batches of 64: texts", 64 * many.rate, 15_000, "/s"),
    ]


async def _measure(server: Server, kiwi: InProcess) -> None:
    at_rest = server.memory_mib()
    async with grpc.aio.insecure_channel(server.target, options=_OPTIONS) as channel:
        client = Client(pb.TokenizationServiceStub(channel))
        await client.calls(client.analyze(), 4, 0.5)
        print_lines("Morphology, 50 characters", await _small_calls(client, kiwi))
        print_lines("Morphology, batches", await _batches(client, kiwi))
        print_lines("Morphology, long texts", await _long_texts(client, kiwi))
        print_lines("Morphology, hostile text", await _beside_hostile(client, server))
        print_lines("Counting tokens, 50 characters", await _counting(client))
    bar = 600 + 60 * (WORKERS - 1)
    memory = [
        _at_most(f"at rest, {WORKERS} workers", at_rest, bar, "MiB"),
        Line("now", f"{server.memory_mib():.0f} MiB"),
    ]
    print_lines("Memory of all processes (PSS)", memory)


def _document(size: int) -> str:
    """So many bytes of lines that all differ."""
    words = TEXT.split()
    lines, left = [], size
    for number in itertools.count():
        at = number % len(words)
        lines.append(f"{number}번째로 {' '.join(words[at:] + words[:at])} 그랬다.")
        left -= len(lines[-1].encode()) + 1
        if left <= 0:
            return "\n".join(lines)
    raise AssertionError


def _at_most(what: str, value: float, bar: float, unit: str) -> Line:
    return Line(what, _shown(value, unit), f"<= {bar:g}", value <= bar)


def _at_least(what: str, value: float, bar: float, unit: str) -> Line:
    return Line(what, _shown(value, unit), f">= {bar:g}", value >= bar)


def _shown(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
    return f"{number}{unit}" if unit.startswith("/") else f"{number} {unit}".rstrip()


def _until_ready(target: str) -> None:
    request = health_pb2.HealthCheckRequest(service="ready")
    with grpc.insecure_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for _ in range(600):
            with contextlib.suppress(grpc.RpcError):
                if stub.Check(request, timeout=2).status == health_pb2.HealthCheckResponse.SERVING:
                    return
            time.sleep(0.1)
    raise TimeoutError("the service was not ready within a minute")


def run() -> None:
    """Measures and prints."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:PROCESSORS])
    try:
        with serving() as server:
            uvloop.run(_measure(server, InProcess()))
    finally:
        os.sched_setaffinity(0, allowed)


if __name__ == "__main__":
    run()
