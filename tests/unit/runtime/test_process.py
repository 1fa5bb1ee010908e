"""Children: none outlives its parent, and one is kept running."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from soban.runtime.process import Backoff, Child, ChildFailed, State, Supervisor

PYTHON = sys.executable
SLEEPER = [PYTHON, "-c", "import time; time.sleep(600)"]
LOYAL = "from soban.runtime.process import exit_with_parent; exit_with_parent(); import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
QUICK = Backoff(first=0.02, longest=0.1)

PARENT = """
import sys, time
from soban.runtime.process import Child
child = Child([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
time.sleep(600)
"""


async def gone(pid: int, seconds: float = 10.0) -> bool:
    async with asyncio.timeout(seconds):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.02)
    return True


def parent_of(code: str) -> tuple[subprocess.Popen[str], int]:
    parent = subprocess.Popen([PYTHON, "-c", PARENT, code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


async def test_a_child_ends_with_its_killed_parent() -> None:
    """Also on SIGKILL, which the parent cannot see coming, and also down to the grandchild."""
    nested = PARENT.replace("import sys, time", "import sys, time; sys.argv.append(LOYAL)").replace(
        "LOYAL", repr(LOYAL)
    )
    loyal = "from soban.runtime.process import exit_with_parent; exit_with_parent();" + nested
    parent, child = parent_of(loyal)
    assert parent.stdout is not None
    grandchild = int(parent.stdout.readline())
    assert psutil.pid_exists(child)
    assert psutil.pid_exists(grandchild)
    await asyncio.sleep(0.5)
    parent.kill()
    parent.wait()
    assert await gone(child)
    assert await gone(grandchild)
    parent.stdout.close()


async def test_the_pipe_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel does not signal, the end of file does."""
    code = LOYAL.replace("exit_with_parent()", "import sys; sys.platform = 'other'; exit_with_parent()")
    parent, child = parent_of(code)
    await asyncio.sleep(0.5)
    parent.kill()
    parent.wait()
    assert await gone(child)
    assert parent.stdout is not None
    parent.stdout.close()


async def test_a_child_has_a_session_of_its_own() -> None:
    """Ctrl-C in a terminal reaches the parent alone."""
    child = Child(SLEEPER)
    try:
        assert os.getsid(child.pid) == child.pid
    finally:
        assert await child.stop(0.0) < 0


async def test_stop_asks_first() -> None:
    """SIGTERM is enough for most."""
    child = Child(SLEEPER)
    assert await child.stop(10) == -signal.SIGTERM
    assert child.returncode == -signal.SIGTERM


async def test_stop_ends_a_child_that_does_not_listen() -> None:
    """SIGKILL after the grace."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    child = Child([PYTHON, "-c", STUBBORN], sink=lambda line: loop.call_soon_threadsafe(lines.put_nowait, line))
    assert await asyncio.wait_for(lines.get(), 10) == "up"
    assert await child.stop(0.1) == -signal.SIGKILL


async def test_what_a_child_left_in_its_group_ends_too() -> None:
    """Nothing is left when a child is gone."""
    code = f"import subprocess, sys; print(subprocess.Popen({SLEEPER!r}).pid, flush=True)"
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    child = Child([PYTHON, "-c", code], sink=lambda line: loop.call_soon_threadsafe(lines.put_nowait, line))
    left = int(await asyncio.wait_for(lines.get(), 10))
    assert await child.wait() == 0
    assert await gone(left)


async def test_a_child_does_not_get_what_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is given explicitly."""
    for name in ("API_KEY", "OTHER_KEY", "SHOWN"):
        monkeypatch.setenv(name, "비밀")
    child = Child(SLEEPER, {"OTHER_KEY": "제 것"}, hidden={"API_KEY", "OTHER_KEY"})
    try:
        # Empty for a moment, until the kernel has put the program in place.
        while not (environment := psutil.Process(child.pid).environ()):
            await asyncio.sleep(0.01)
    finally:
        await child.stop(0.0)
    assert environment.keys() & {"API_KEY", "OTHER_KEY", "SHOWN"} == {"OTHER_KEY", "SHOWN"}
    assert environment["OTHER_KEY"] == "제 것"


async def test_no_descriptor_stays_open_after_many_children() -> None:
    """A supervisor may restart for weeks."""
    before = psutil.Process().num_fds()
    for _ in range(5):
        await Child([PYTHON, "-c", ""]).wait()
    assert psutil.Process().num_fds() <= before


async def test_a_program_that_is_not_there_is_an_os_error() -> None:
    """And leaves no descriptor behind."""
    before = psutil.Process().num_fds()
    with pytest.raises(OSError, match="no-such-program"):
        Child(["/no-such-program"])
    assert psutil.Process().num_fds() <= before


@pytest.fixture
async def states() -> list[State]:
    return []


@pytest.fixture
async def sleeper(states: list[State]) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(SLEEPER, backoff=QUICK, on_state=states.append)
    await supervisor.start()
    yield supervisor
    await supervisor.stop(0.0)


async def test_a_killed_child_is_started_again(sleeper: Supervisor, states: list[State]) -> None:
    """With a new process id, and all states seen on the way."""
    await asyncio.wait_for(sleeper.wait_for(State.RUNNING), 10)
    first = sleeper.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await asyncio.wait_for(sleeper.wait_for(State.BACKOFF), 10)
    await asyncio.wait_for(sleeper.wait_for(State.RUNNING), 10)
    assert sleeper.pid not in (None, first)
    assert sleeper.restarts == 1
    assert states == [State.STARTING, State.RUNNING, State.BACKOFF, State.STARTING, State.RUNNING]


async def test_stop_leaves_nothing(sleeper: Supervisor) -> None:
    """And does not start it again."""
    await asyncio.wait_for(sleeper.wait_for(State.RUNNING), 10)
    pid = sleeper.pid
    assert pid is not None
    await sleeper.stop(5)
    assert await gone(pid)
    assert (sleeper.state, sleeper.pid) == (State.STOPPED, None)
    await asyncio.sleep(0.2)
    assert sleeper.pid is None


async def test_stop_while_it_waits_to_restart() -> None:
    """The pause is no reason to wait."""
    supervisor = Supervisor([PYTHON, "-c", "raise SystemExit(3)"], backoff=Backoff(first=600, longest=600))
    await supervisor.start()
    await asyncio.wait_for(supervisor.wait_for(State.BACKOFF), 10)
    await asyncio.wait_for(supervisor.stop(), 10)
    assert supervisor.state is State.STOPPED


async def test_running_means_that_the_probe_has_passed() -> None:
    """A probe may fail, or find nobody there, as often as it likes."""
    answers = [False, ConnectionRefusedError(), True]
    asked = 0

    async def probe() -> bool:
        nonlocal asked
        answer = answers[min(asked, 2)]
        asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    supervisor = Supervisor(SLEEPER, probe=probe, backoff=QUICK)
    await supervisor.start()
    assert supervisor.state is State.STARTING
    await supervisor.wait_ready(timeout=10)
    assert asked >= 3
    await supervisor.stop(0.0)


async def test_wait_ready_gives_up() -> None:
    """With an error that names the child."""

    async def never() -> bool:
        return False

    supervisor = Supervisor(SLEEPER, name="engine", backoff=QUICK)
    await supervisor.start()
    with pytest.raises(ChildFailed, match="engine"):
        await supervisor.wait_ready(never, timeout=0.2)
    await supervisor.stop(0.0)


async def test_each_exit_is_reported_and_argv_asked_anew() -> None:
    """A fresh port for each start, say."""
    codes: list[int] = []
    enough = asyncio.Event()
    given = iter(range(100))

    def on_exit(code: int) -> None:
        codes.append(code)
        if len(codes) == 3:
            enough.set()

    supervisor = Supervisor(lambda: [PYTHON, "-c", f"raise SystemExit({next(given)})"], backoff=QUICK, on_exit=on_exit)
    await supervisor.start()
    await asyncio.wait_for(enough.wait(), 20)
    await supervisor.stop()
    assert codes[:3] == [0, 1, 2]


def test_pauses_double_up_to_a_bound() -> None:
    """With jitter, so that many do not come back at once."""
    backoff = Backoff()
    for failures, full in [(1, 0.2), (2, 0.4), (5, 3.2), (10, 10.0), (10_000, 10.0)]:
        assert full / 2 <= backoff.pause(failures) <= full


def test_exit_with_parent_without_a_parent_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers are started by hand, too."""
    from soban.runtime.process import exit_with_parent

    monkeypatch.delenv("SOBAN_PARENT_FD", raising=False)
    exit_with_parent()


def test_tests_leave_nobody_behind() -> None:
    """This file's own children are all gone."""
    marker = Path(__file__).name
    assert not [p for p in psutil.Process().children(recursive=True) if marker in " ".join(p.cmdline())]
