"""Keeps one child process running: restarts it with growing, jittered pauses, and tells what state it is in."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from soban.runtime.child import Child, Sink, exit_with_parent

_logger = logging.getLogger(__name__)

_PROBE_SECONDS = 0.05

T = TypeVar("T")
Probe = Callable[[], Awaitable[bool]]


class State(Enum):
    """STARTING: it runs and its probe has not passed. RUNNING: it is ready. BACKOFF: it ended and starts again soon."""

    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    STOPPED = "stopped"


class ChildFailed(Exception):  # noqa: N818 - named by what went wrong
    """The child did not become ready."""


@dataclass(frozen=True)
class Backoff:
    """Pauses in seconds: doubling from `first` to `longest`, and again from `first` after `healthy` seconds."""

    first: float = 0.2
    longest: float = 10.0
    healthy: float = 30.0

    def pause(self, failures: int) -> float:
        """Before restart number `failures`, 50 to 100 percent of the doubled value."""
        full = min(self.longest, self.first * 2.0 ** min(30, failures - 1))
        return full * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


class Supervisor:
    """`start()`, then it restarts the child until `stop()`.

    `argv` may be a function, asked before each start (a fresh port, say). `env`, `hidden` and `sink` are a Child's.
    `probe` is asked every 50 ms until it says True. `on_exit` gets each return code, `on_state` each new state, both in
    the event loop. What any of them raises is logged and does not end the supervision.
    """

    def __init__(
        self,
        argv: Sequence[str] | Callable[[], Sequence[str]],
        env: Mapping[str, str] | None = None,
        *,
        hidden: Collection[str] = (),
        name: str = "child",
        probe: Probe | None = None,
        on_exit: Callable[[int], None] | None = None,
        on_state: Callable[[State], None] | None = None,
        sink: Sink | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._argv = argv
        self._env = env
        self._hidden = hidden
        self._name = name
        self._probe = probe
        self._on_exit = on_exit
        self._on_state = on_state
        self._sink = sink
        self._backoff = backoff or Backoff()
        self._state = State.STOPPED
        self._waiters: list[tuple[tuple[State, ...], asyncio.Future[State]]] = []
        self._child: Child | None = None
        self._loop: asyncio.Task[None] | None = None
        self.restarts = 0

    @property
    def state(self) -> State:
        """Now."""
        return self._state

    @property
    def pid(self) -> int | None:
        """Of the running child."""
        return self._child.pid if self._child is not None and self._child.returncode is None else None

    async def start(self) -> None:
        """Starts the child and returns at once. Raises OSError when it cannot be started at all."""
        if self._loop is None:
            self._spawn()
            self._loop = asyncio.create_task(self._keep(), name=f"supervisor-{self._name}")

    async def wait_for(self, *states: State) -> State:
        """The first of these states that it is in, now or later, however shortly."""
        if self._state in states:
            return self._state
        waiter: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        self._waiters.append((states, waiter))
        return await waiter

    async def wait_ready(self, probe: Probe | None = None, *, timeout: float = 60.0) -> None:  # noqa: ASYNC109
        """Returns when the child is RUNNING and `probe`, if given, says True. Raises ChildFailed after `timeout`."""
        try:
            async with asyncio.timeout(timeout):
                await self.wait_for(State.RUNNING)
                if probe is not None:
                    await _until(probe)
        except TimeoutError as err:
            raise ChildFailed(f"{self._name} was not ready after {timeout:g} s") from err

    async def stop(self, grace: float = 5.0) -> None:
        """SIGTERM, after `grace` seconds SIGKILL; nothing is left when it returns."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)
        if self._child is not None:
            await self._child.stop(grace)
        self._enter(State.STOPPED)

    async def _keep(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            code = await self._watch()
            failures = 1 if time.monotonic() - began >= self._backoff.healthy else failures + 1
            self._enter(State.BACKOFF)
            pause = self._backoff.pause(failures)
            fields = {"child": self._name, "returncode": code, "pause_seconds": round(pause, 2)}
            _logger.warning("child ended", extra=fields)
            self._tell(self._on_exit, code)
            await asyncio.sleep(pause)
            self.restarts += 1
            self._respawn()

    async def _watch(self) -> int:
        """The return code of the child, which becomes RUNNING on the way when its probe passes."""
        if self._child is None:
            return -1
        ready = asyncio.create_task(self._become_ready())
        try:
            return await self._child.wait()
        finally:
            ready.cancel()
            await asyncio.gather(ready, return_exceptions=True)

    async def _become_ready(self) -> None:
        if self._probe is not None:
            await _until(_unfailing(self._probe, self._name))
        self._enter(State.RUNNING)

    def _spawn(self) -> None:
        self._child = None
        self._enter(State.STARTING)
        argv = self._argv() if callable(self._argv) else self._argv
        self._child = Child(argv, self._env, self._sink, self._hidden)

    def _respawn(self) -> None:
        """Without a child it is BACKOFF again, with a longer pause."""
        try:
            self._spawn()
        except Exception:
            _logger.exception("child not started", extra={"child": self._name})

    def _enter(self, state: State) -> None:
        if state is self._state:
            return
        self._state = state
        for states, waiter in self._waiters:
            if state in states and not waiter.done():
                waiter.set_result(state)
        self._waiters = [pair for pair in self._waiters if not pair[1].done()]
        self._tell(self._on_state, state)

    def _tell(self, listener: Callable[[T], None] | None, what: T) -> None:
        """Whoever listens must not end what is told of."""
        if listener is None:
            return
        try:
            listener(what)
        except Exception:
            _logger.exception("listener failed", extra={"child": self._name})


def _unfailing(probe: Probe, name: str) -> Probe:
    """`probe`, for which a failure other than OSError, which is everyday, is False, too; the first one is logged."""
    logged = False

    async def ask() -> bool:
        nonlocal logged
        try:
            return await probe()
        except OSError:
            return False
        except Exception:
            if not logged:
                _logger.exception("probe failed", extra={"child": name})
            logged = True
            return False

    return ask


async def _until(probe: Probe) -> None:
    while not await _asked(probe):  # noqa: ASYNC110 - another process cannot set our event
        await asyncio.sleep(_PROBE_SECONDS)


async def _asked(probe: Probe) -> bool:
    try:
        return await probe()
    except OSError:
        return False


__all__ = ["Backoff", "Child", "ChildFailed", "Probe", "Sink", "State", "Supervisor", "exit_with_parent"]
