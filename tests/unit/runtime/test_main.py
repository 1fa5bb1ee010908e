"""A server as a process: what it says, and the code it exits with."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import grpc
import pytest

from unit.runtime.echo import Client

TESTS = Path(__file__).parents[2]
MAIN = Path(__file__).with_name("echo_main.py")
Start = Callable[..., Coroutine[Any, Any, Process]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    processes: list[Process] = []

    async def started(config: str = "", **env: str) -> Process:
        path = tmp_path / f"soban{len(processes)}.yaml"
        path.write_text(config, encoding="utf-8")
        given = {**os.environ, "PYTHONPATH": str(TESTS), **env}
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(MAIN), "-c", str(path), stderr=PIPE, env=given, start_new_session=True
        )
        processes.append(process)
        return process

    yield started
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def event(process: Process, name: str) -> dict[str, Any]:
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while line := await process.stderr.readline():
            if line.startswith(b"{") and (found := json.loads(line))["event"] == name:
                return dict(found)
    raise AssertionError(f"ended without {name}")


async def ended(process: Process) -> tuple[int, str]:
    assert process.stderr is not None
    async with asyncio.timeout(30):
        rest = await process.stderr.read()
        return await process.wait(), rest.decode()


async def test_sigterm_lets_streams_end_and_exits_0(start: Start) -> None:
    """Eight streams under way all get their three messages."""
    process = await start()
    target = (await event(process, "serving"))["target"]
    async with grpc.aio.insecure_channel(target) as channel:
        calls = [Client(channel).open("UnaryStream", "밥") for _ in range(8)]
        assert [(await call.read()).value for call in calls] == ["밥"] * 8
        process.send_signal(signal.SIGTERM)
        for call in calls:
            assert [(await call.read()).value, (await call.read()).value, await call.read()] == [
                "밥",
                "밥",
                grpc.aio.EOF,
            ]
    assert (await ended(process))[0] == 0


async def test_a_second_interrupt_ends_at_once(start: Start) -> None:
    """The person at the terminal means it."""
    process = await start("services: {gateway: {drainSeconds: 600}}")
    target = (await event(process, "serving"))["target"]
    async with grpc.aio.insecure_channel(target) as channel:
        call = asyncio.create_task(Client(channel).fail("UnaryUnary", "hang"))
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGINT)
        await event(process, "stopping")
        process.send_signal(signal.SIGINT)
        assert (await ended(process))[0] == 0
        assert (await call).code() is grpc.StatusCode.UNAVAILABLE


async def test_a_start_that_fails_exits_1_and_says_why(start: Start) -> None:
    """At once, and in the log."""
    process = await start(ECHO_FAILS="1")
    code, shown = await ended(process)
    assert code == 1
    assert json.loads(shown.strip().splitlines()[-1])["error"] == "FileNotFoundError: no model at /nowhere"


async def test_a_wrong_configuration_exits_2_with_one_line(start: Start) -> None:
    """No traceback."""
    code, shown = await ended(await start("services: {gateway: {prt: 1}}"))
    assert (code, shown) == (
        2,
        "soban: services.gateway.prt: unknown key; the nearest known one is services.gateway.port\n",
    )


async def test_a_taken_port_exits_1_with_one_line_of_ours(start: Start) -> None:
    """It names the address and the settings."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, shown = await ended(await start(f"services: {{gateway: {{port: {port}, metricsPort: 0}}}}"))
    ours = [line for line in shown.splitlines() if line.startswith("soban: ")]
    assert code == 1
    assert ours == [
        f"soban: cannot listen on 127.0.0.1:{port}: in use or not an address of this machine; "
        "set host and port of this service"
    ]
    assert "Traceback" not in shown
