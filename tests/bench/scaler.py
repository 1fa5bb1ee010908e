"""The scaler measured: ten generation pods that change all the time, a hundred models, two hundred streams to KEDA.

`PYTHONPATH=tests python tests/bench/scaler.py`. The scaler is a process of its own; the pods and KEDA are this one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import grpc
import psutil

sys.path.append(str(Path(__file__).resolve().parents[1]))

from table import Line, print_lines

import soban.v1 as pb
from integration.scaler.fake_generation import Generation as FakeGeneration
from soban.generation.component import Generation
from soban.generation.settings import GenerationSettings
from soban.runtime.channels import open_channel
from soban.runtime.config import make_config
from soban.runtime.host_addresses import Answer
from soban.runtime.server import running, serve
from soban.runtime.telemetry import Telemetry
from soban.scaler import keda
from soban.scaler.component import Scaler
from soban.scaler.settings import ScalerSettings
from unit.scaler.loads import load

PODS, MODELS, STREAMS, CALLERS = 10, 100, 200, 8
SECONDS = 5.0
PUSHES = 20
# KEDA and the HPA ask for each of a hundred models' three metrics every 15 s, by two calls.
NEEDED = MODELS * 3 * 2 * 2 / 15
IDLE_POOL = {"ready_replicas": 0, "slots": 0, "kv_cache_use": None}
NOWHERE = {"models": {"ko": {"url": "hf://somebody/ko", "address": "http://127.0.0.1:1"}}}


def run() -> None:
    """Prints all tables."""
    print_lines(f"Scaler: {PODS} pods, {MODELS} models, {STREAMS} streams", asyncio.run(crowd()))
    print_lines("Scaler: one real generation server, a request that is held", asyncio.run(held()))


async def crowd() -> list[Line]:
    """CPU at rest and under change, rate and latency of answers beside it, and time to a push."""
    generation = FakeGeneration()
    names = [f"model-{number:03}" for number in range(MODELS)]
    for _ in range(PODS):
        await generation.pod(*(load(name, **IDLE_POOL) for name in names))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(generation.stop)
        process, target = await stack.enter_async_context(scaler_process(generation.port))
        channel = await stack.enter_async_context(open_channel(target))
        stub = keda.ExternalScalerStub(channel)
        watchers = [Watcher(stub, names[number % MODELS]) for number in range(STREAMS)]
        try:
            await asyncio.gather(*(watcher.until(False) for watcher in watchers))
            quiet = await cpu_share(process, asyncio.sleep(SECONDS))
            pushes = await push_times(generation, watchers)
            changing = asyncio.create_task(change(generation, names))
            busy = await cpu_share(process, asyncio.sleep(SECONDS))
            times = await asyncio.gather(*(ask(stub, names, SECONDS) for _ in range(CALLERS)))
            changing.cancel()
        finally:
            for watcher in watchers:
                watcher.close()
        return lines_of(sorted(itertools.chain.from_iterable(times)), quiet, busy, pushes, process.memory_info().rss)


def lines_of(times: Sequence[float], quiet: float, busy: float, pushes: Sequence[float], memory: int) -> list[Line]:
    """Each beside its limit."""
    rate, p99 = len(times) / SECONDS, times[len(times) * 99 // 100] * 1e3
    slowest = max(pushes)
    return [
        Line("CPU while nothing changes, of one core", f"{quiet:.3f}", "<= 0.1", quiet <= 0.1),
        Line("CPU while every pod changes every 0.1 s, of one core", f"{busy:.3f}", "<= 0.5", busy <= 0.5),
        Line(f"answers of {CALLERS} callers beside that", f"{rate:.0f}/s"),
        Line("over what KEDA needs for so many models", f"{rate / NEEDED:.1f} x", ">= 5 x", rate / NEEDED >= 5),
        Line("one answer, p50", f"{statistics.median(times) * 1e3:.1f} ms"),
        Line("one answer, p99", f"{p99:.1f} ms", "<= 100 ms", p99 <= 100),
        Line("change of a pod to push, p50", f"{statistics.median(pushes):.3f} s"),
        Line("change of a pod to push, slowest", f"{slowest:.3f} s", "<= 0.5 s", slowest <= 0.5),
        Line("memory of the process", f"{memory / 2**20:.0f} MiB", "<= 150 MiB", memory <= 150 * 2**20),
    ]


async def held() -> list[Line]:
    """From the request's call to the first True on KEDA's stream; each request is given up then."""
    async with contextlib.AsyncExitStack() as stack:
        settings = GenerationSettings(port=0, metrics_port=0)
        component = Generation(make_config(NOWHERE), settings, Telemetry.noop())
        generation = await stack.enter_async_context(running(component, settings))
        scaler_settings = ScalerSettings(port=0, metrics_port=0, generation=generation.target)
        scaler_component = Scaler(scaler_settings, Telemetry.noop())
        scaler = await stack.enter_async_context(running(scaler_component, scaler_settings))
        to_generation = await stack.enter_async_context(open_channel(generation.target))
        to_scaler = await stack.enter_async_context(open_channel(scaler.target))
        watcher = Watcher(keda.ExternalScalerStub(to_scaler), "ko")
        stub = pb.GenerationServiceStub(to_generation)
        times = [await held_time(stub, watcher) for _ in range(PUSHES)]
        watcher.close()
    slowest = max(times)
    return [
        Line("request to push, p50", f"{statistics.median(times):.3f} s"),
        Line(f"request to push, slowest of {PUSHES}", f"{slowest:.3f} s", "<= 0.5 s", slowest <= 0.5),
    ]


async def held_time(stub: pb.GenerationServiceStub, watcher: Watcher) -> float:
    """Of one request, some time after the one before it has ended."""
    await watcher.until(False)
    await asyncio.sleep(1 + random.random() / 5)
    asked = pb.StreamGenerateRequest(generate=pb.GenerateRequest(model=watcher.model, prompt="안녕하세요"))
    began = time.perf_counter()
    call = stub.StreamGenerate(asked)
    await watcher.until(True)
    seconds = time.perf_counter() - began
    call.cancel()
    return seconds


class Watcher:
    """A stream of KEDA's about one model."""

    def __init__(self, stub: keda.ExternalScalerStub, model: str) -> None:
        self.model = model
        self._call = stub.StreamIsActive(reference(model))

    async def until(self, active: bool) -> None:
        """Reads on until this is told."""
        while (await self._call.read()).result is not active:
            pass

    def close(self) -> None:
        self._call.cancel()


def reference(model: str) -> keda.ScaledObjectRef:
    metadata = {"model": model, "sequences": "6", "backlogSeconds": "1.5", "kvCache": "0.8"}
    return keda.ScaledObjectRef(name=model, namespace="ai", scalerMetadata=metadata)


async def push_times(generation: FakeGeneration, watchers: Sequence[Watcher]) -> list[float]:
    """Seconds from a change at some pod to what one of its watchers reads."""
    times = []
    for number in range(PUSHES):
        pod, watcher = generation.pods[number % PODS], watchers[number]
        before = dict(pod.loads)
        await asyncio.sleep(random.random() / 10)
        began = time.perf_counter()
        pod.tell(*{**before, watcher.model: load(watcher.model, **IDLE_POOL, held=1)}.values())
        await watcher.until(True)
        times.append(time.perf_counter() - began)
        pod.tell(*before.values())
    return times


async def change(generation: FakeGeneration, names: Sequence[str]) -> None:
    """All pods, all models, as often as they may tell."""
    while True:
        for pod in generation.pods:
            pod.tell(*(load(name, running=random.randint(0, 3), queued=1) for name in names))
        await asyncio.sleep(0.1)


async def ask(stub: keda.ExternalScalerStub, names: Sequence[str], seconds: float) -> list[float]:
    """As KEDA does, one call after the other; seconds of each."""
    times: list[float] = []
    ends_at = time.perf_counter() + seconds
    while (began := time.perf_counter()) < ends_at:
        asked = reference(names[len(times) % MODELS])
        if len(times) % 2:
            await stub.IsActive(asked)
        else:
            await stub.GetMetrics(keda.GetMetricsRequest(scaledObjectRef=asked, metricName="sequences"))
        times.append(time.perf_counter() - began)
    return times


async def cpu_share(process: psutil.Process, work: object) -> float:
    """CPU seconds of the process for each second that `work` takes."""
    before, began = sum(process.cpu_times()[:2]), time.perf_counter()
    await work  # type: ignore[misc]
    return float((sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - began))


@contextlib.asynccontextmanager
async def scaler_process(generation_port: int) -> AsyncIterator[tuple[psutil.Process, str]]:
    """This file again, as the scaler of the pods at that port."""
    command = (sys.executable, __file__, "--scaler", str(generation_port))
    started = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert started.stdout is not None
        target = json.loads(await started.stdout.readline())["target"]
        async with grpc.aio.insecure_channel(target) as channel:
            await asyncio.wait_for(channel.channel_ready(), 30)
        yield psutil.Process(started.pid), target
    finally:
        started.terminate()
        await started.wait()


async def serve_scaler(generation_port: int) -> None:
    """Without a name server: the pods are where this bench starts them."""

    async def resolve(_: str, __: int) -> Answer:
        return [(socket.AF_INET, f"127.0.0.{number + 2}") for number in range(PODS)]

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ScalerSettings(port=port, metrics_port=0, generation=f"generation.test:{generation_port}")
    print(json.dumps({"target": settings.address}), flush=True)
    await serve(Scaler(settings, Telemetry.noop(), resolve), settings, Telemetry.noop())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scaler", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.scaler is not None:
        asyncio.run(serve_scaler(arguments.scaler))
    else:
        run()
