"""Load, leaving clients, and the deaths of processes, with the real embedded engine."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import psutil

import soban.v1 as pb
from integration.generation.conftest import BUNDLED
from integration.generation.engines import Service, ask, process, serving, until_gone
from soban.runtime.errors import from_rpc_error

LONG = {"max_tokens": 250, "ignore_eos": True}


async def outcome(stub: Any, request: pb.GenerateRequest, begun: Callable[[], None] = lambda: None) -> tuple[str, bool]:
    """Reason of the status ("OK"), and whether any text came; `begun` is called at the first text."""
    text = False
    try:
        async for event in stub.StreamGenerate(pb.StreamGenerateRequest(generate=request), timeout=60):
            if event.delta.text and not text:
                text = True
                begun()
    except grpc.aio.AioRpcError as err:
        error = from_rpc_error(err)
        if error.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
            assert error.retry_after is not None
        return error.reason, text
    return "OK", text


async def answered(service: Service) -> float:
    """When a client that comes again as it is told got its answer, on the clock of `time.monotonic`."""
    async with asyncio.timeout(30):
        while True:
            try:
                await service.generate(ask(max_tokens=5))
                return time.monotonic()
            except grpc.aio.AioRpcError as err:
                await asyncio.sleep(from_rpc_error(err).retry_after or 0.0)


async def busy_slots(service: Service) -> int:
    return sum(slot["is_processing"] for slot in await service.engine("/slots"))


async def test_a_client_that_leaves_frees_its_slot(
    bundled: Service, record_property: Callable[[str, object], None]
) -> None:
    """Measured: a few milliseconds; the bar is 100."""
    call = bundled.stub.StreamGenerate(pb.StreamGenerateRequest(generate=ask(max_tokens=900, ignore_eos=True)))
    while not (await call.read()).delta.text:
        pass
    assert await busy_slots(bundled) == 1
    began = time.perf_counter()
    call.cancel()
    async with asyncio.timeout(10):
        while await busy_slots(bundled):
            await asyncio.sleep(0.001)
    record_property("slot_free_after_ms", (time.perf_counter() - began) * 1000)
    load = (await bundled.stub.GetLoad(pb.GetLoadRequest())).loads[0]
    assert load.running == 0


async def test_overload_is_refused_and_the_rest_is_served() -> None:
    """Two run, two wait, two are told to come again."""
    async with serving(BUNDLED, parallel=2, queue_limit=2) as service:
        found = await asyncio.gather(*(outcome(service.stub, ask(**LONG)) for _ in range(6)))
    assert sorted(reason for reason, _ in found) == ["OK"] * 4 + ["QUEUE_FULL"] * 2


async def test_streams_of_an_engine_that_is_killed_go_on_when_it_is_back() -> None:
    """Eight streams, four of them waiting without text: all end well, and the next request finds the new engine."""
    async with serving(BUNDLED, parallel=4, settings={"delta_interval_ms": 1.0}) as service:
        pid, begun = service.replica.pid, asyncio.Event()
        assert pid is not None
        streams = [asyncio.create_task(outcome(service.stub, ask(**LONG), begun.set)) for _ in range(8)]
        await begun.wait()
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        found = await asyncio.wait_for(asyncio.gather(*streams), 60)
        assert found == [("OK", True)] * 8
        assert await answered(service) - killed < 5
        assert service.replica.pid not in (None, pid)


async def test_running_streams_end_well_when_the_server_is_told_to_stop(tmp_path: Path) -> None:
    """SIGTERM during eight streams: all OK, exit code 0, no process left."""
    async with process(tmp_path, BUNDLED) as server:
        engine, begun = server.engine(), asyncio.Semaphore(0)
        streams = [asyncio.create_task(outcome(server.stub, ask(**LONG), begun.release)) for _ in range(8)]
        for _ in streams:
            await begun.acquire()
        server.kill(signal.SIGTERM)
        assert await asyncio.wait_for(asyncio.gather(*streams), 60) == [("OK", True)] * 8
        assert await asyncio.wait_for(server.process.wait(), 30) == 0
        await until_gone(engine)


async def test_the_engine_does_not_outlive_its_server(tmp_path: Path) -> None:
    """Even when the server is killed."""
    async with process(tmp_path, BUNDLED) as server:
        engine = server.engine()
        server.kill(signal.SIGKILL)
        await server.process.wait()
        await until_gone(engine)


async def test_ctrl_c_in_the_terminal_does_not_reach_the_engine(tmp_path: Path) -> None:
    """It is in a session of its own."""
    async with process(tmp_path, BUNDLED) as server:
        engine = server.engine()
        assert os.getsid(engine.pid) == engine.pid
        assert psutil.Process(engine.pid).ppid() == server.process.pid


async def test_a_hung_engine_is_replaced_and_its_requests_are_answered() -> None:
    """SIGSTOP: connections are accepted, nothing is answered."""
    async with serving(BUNDLED, {"engine_hang_seconds": 1.0}, parallel=4) as service:
        assert await outcome(service.stub, ask(max_tokens=5)) == ("OK", True)
        pid = service.replica.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        assert await asyncio.wait_for(outcome(service.stub, ask(max_tokens=5)), 60) == ("OK", True)
        assert service.replica.pid not in (None, pid)


async def test_an_engine_that_reads_a_long_prompt_is_left_alone(smollm2_path: Path) -> None:
    """However long that takes compared with the patience of the watch."""
    settings = {"engine_hang_seconds": 1.0}
    async with serving(str(smollm2_path), settings, parallel=1, context_length=2048) as service:
        pid = service.replica.pid
        assert (await outcome(service.stub, ask("밥 먹자. " * 100, max_tokens=2)))[0] == "OK"
        assert service.replica.pid == pid
