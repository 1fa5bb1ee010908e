"""The stack of child processes, here of small services that have a server's life and nothing else."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from soban.cli.failure import Failure
from soban.cli.journal import Journal
from soban.cli.plan import SERVICES, Plan
from soban.cli.ports import Ports
from soban.cli.stack import OnState, Stack
from soban.runtime.config import Config
from soban.runtime.process import State, Supervisor
from soban.runtime.settings import ServerSettings

SERVICE = Path(__file__).with_name("fake_service.py")


class States:
    """Every state that was told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, State]] = []
        self._more = asyncio.Event()

    def __call__(self, service: str, state: State, seconds: float) -> None:
        self.told.append((service, state))
        self._more.set()

    async def until(self, *states: tuple[str, State]) -> None:
        async with asyncio.timeout(30):
            while not set(states) <= set(self.told):
                self._more.clear()
                await self._more.wait()


def stack_of(states: OnState, longest: float = 5.0, **manners: str) -> Stack:
    """Services that behave well unless their manner is given."""
    with Ports() as ports:
        settings = {
            name: ServerSettings(port=ports.free("127.0.0.1", with_metrics=False), longest_stream_seconds=longest)
            for name in SERVICES
        }

    def command(name: str, config_path: Path | None) -> list[str]:
        return [sys.executable, str(SERVICE), str(settings[name].port), manners.get(name, "well")]

    plan = Plan({}, Config(), settings, changed=False)
    return Stack(plan, None, Journal(None, io.StringIO()), states, command)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_stack_is_ready_when_every_service_is_and_leaves_nothing() -> None:
    """The gateway is stopped before the services that it calls."""
    states = States()
    stack = stack_of(states)
    try:
        await stack.start()
        assert await stack.wait_ready() > 0
        pids = [pid for pid in stack.pids.values() if pid is not None]
        assert len(pids) == 4
        assert stack.waiting == []
    finally:
        await stack.stop(asyncio.Event())
    stopped = [service for service, state in states.told if state is State.STOPPED]
    assert (stopped[0], set(stopped)) == ("gateway", set(SERVICES))
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []


async def test_a_service_that_cannot_start_ends_the_start_with_its_own_words() -> None:
    """And with its exit code, where that says that the configuration is wrong."""
    stack = stack_of(States(), generation="refuses")
    try:
        await stack.start()
        with pytest.raises(Failure) as caught:
            await stack.wait_ready()
    finally:
        await stack.stop(asyncio.Event())
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("soban: cannot start generation (START_FAILED): ")
    assert "models.ko-8b: no such file" in str(caught.value)


async def test_a_crashed_service_comes_back() -> None:
    """With another process, while the others go on."""
    states = States()
    stack = stack_of(states)
    try:
        await stack.start()
        await stack.wait_ready()
        before = dict(stack.pids)
        os.kill(before["safety"] or 0, signal.SIGKILL)
        await states.until(("safety", State.BACKOFF))
        await until(lambda: stack.waiting == [])
        assert stack.pids["safety"] not in (None, before["safety"])
        assert {name: pid for name, pid in stack.pids.items() if name != "safety"} == {
            name: pid for name, pid in before.items() if name != "safety"
        }
    finally:
        await stack.stop(asyncio.Event())


async def test_a_listener_that_raises_ends_no_supervision() -> None:
    """Whatever it raises, and at each state: what crashed afterwards comes back all the same."""
    states = States()

    def listener(service: str, state: State, seconds: float) -> None:
        states(service, state, seconds)
        raise BrokenPipeError if service == "safety" else ValueError(state)

    stack = stack_of(listener)
    try:
        await stack.start()
        await stack.wait_ready()
        before = stack.pids["safety"]
        os.kill(before or 0, signal.SIGKILL)
        await states.until(("safety", State.BACKOFF))
        await until(lambda: stack.waiting == [])
        assert stack.pids["safety"] not in (None, before)
    finally:
        await stack.stop(asyncio.Event())


async def test_a_sink_that_raises_loses_its_line_alone() -> None:
    """The child's pipe is read on; a probe that raises is asked again."""
    lines: list[str] = []
    asked = iter([RuntimeError("not yet")])

    def sink(line: str) -> None:
        lines.append(line)
        raise ValueError(line)

    async def probe() -> bool:
        for error in asked:
            raise error
        return lines[-1:] == ["끝"]

    code = "import time; print('하나'); print('끝', flush=True); time.sleep(600)"
    supervisor = Supervisor([sys.executable, "-c", code], {"PYTHONUTF8": "1"}, probe=probe, sink=sink)
    await supervisor.start()
    try:
        await supervisor.wait_ready(timeout=30)
    finally:
        await supervisor.stop(0.0)
    assert lines == ["하나", "끝"]


async def test_running_work_is_waited_for_until_someone_hurries() -> None:
    """Here an answer that would take ten minutes."""
    states = States()
    stack = stack_of(states, longest=600.0, gateway="slow")
    hurry = asyncio.Event()
    await stack.start()
    await stack.wait_ready()
    stopping = asyncio.create_task(stack.stop(hurry))
    await asyncio.sleep(0.5)
    assert not stopping.done()
    assert ("safety", State.STOPPED) not in states.told
    hurry.set()
    async with asyncio.timeout(30):
        await stopping
