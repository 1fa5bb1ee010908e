"""The embedded engine, from the parent's side: a supervised child that has a new address after each restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Collection

from soban.generation.engines.http import Endpoint
from soban.generation.host import Probe
from soban.generation.llama_server import KEY_VARIABLE, ServerPlan, ready_address
from soban.runtime.config import ConfigError
from soban.runtime.errors import NoReplica
from soban.runtime.process import State, Supervisor

_logger = logging.getLogger(__name__)

_LAST_LINES = 50
_ERROR_LINE = re.compile(r"[\d.]+ E (.*)")
_STOP_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_PROBES, _SILENT_MISSES, _FEWEST_MISSES = 6, 2, 3


class EmbeddedHost:
    """Number `index` of the llama.cpp servers for the model called `model`.

    `start_seconds` bounds the loading of its file; after `hang_seconds` without an answer to a probe it is killed.
    `hidden` are variables of this process that it does not get.
    """

    def __init__(
        self,
        model: str,
        plan: ServerPlan,
        start_seconds: float,
        hang_seconds: float,
        *,
        index: int = 0,
        hidden: Collection[str] = (),
    ) -> None:
        self.name = f"{model}-{index}"
        self._model = model
        self._start_seconds = start_seconds
        self._hang_seconds = hang_seconds
        self._hidden = hidden
        self._watching: asyncio.Task[None] | None = None
        self._key = secrets.token_urlsafe(24)
        self._argv = (sys.executable, "-m", "soban.generation.llama_server", plan.to_argument())
        self._address: str | None = None
        # Kept to explain a failed start. Later lines may quote requests and are dropped.
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._supervisor: Supervisor | None = None
        self._call: Callable[[], None] | None = None
        self._silent = False

    @property
    def ready(self) -> bool:
        """As `Host.ready`."""
        return self._state is State.RUNNING and not self._silent

    @property
    def loading(self) -> bool:
        """As `Host.loading`."""
        return self._state in (State.STARTING, State.BACKOFF)

    @property
    def pid(self) -> int | None:
        """Of the child, while it runs."""
        return self._supervisor.pid if self._supervisor is not None else None

    def endpoint(self) -> Endpoint:
        """As `Host.endpoint`."""
        if self._address is None:
            raise NoReplica(f"engine {self.name} is starting", retry_after=_RETRY_SECONDS)
        return Endpoint(self._address, self._key)

    def on_change(self, call: Callable[[], None]) -> None:
        """As `Host.on_change`: the end of the process is a change, no probe has to find it."""
        self._call = call

    def doubt(self) -> None:
        """As `Host.doubt`. Nothing to do: the supervisor hears of a death at once, and `_watch` of a hang."""

    async def start(self, probe: Probe) -> None:
        """Returns when the model is loaded. Raises ConfigError when the engine cannot load it."""
        loop = asyncio.get_running_loop()
        self._supervisor = Supervisor(
            self._argv,
            {KEY_VARIABLE: self._key},
            hidden=self._hidden,
            name=f"engine-{self.name}",
            probe=lambda: self._probe(probe),
            on_state=self._entered,
            sink=lambda line: _in_loop(loop, self._heard, line),
        )
        began = time.monotonic()
        await self._supervisor.start()
        try:
            async with asyncio.timeout(self._start_seconds):
                state = await self._supervisor.wait_for(State.RUNNING, State.BACKOFF)
        except TimeoutError as err:
            raise self._failed(f"the model was not loaded after {self._start_seconds:g} s") from err
        if state is not State.RUNNING:
            raise self._failed("llama.cpp cannot load this model")
        fields = {"engine": self.name, "pid": self.pid, "seconds": round(time.monotonic() - began, 2)}
        _logger.info("engine ready", extra=fields)
        self._watching = asyncio.create_task(self._watch(probe), name=f"watch-{self.name}")

    async def stop(self) -> None:
        """As `Host.stop`."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            await supervisor.stop(_STOP_SECONDS)
        self._address = None

    async def _probe(self, probe: Probe) -> bool:
        return self._address is not None and await probe()

    async def _watch(self, probe: Probe) -> None:
        """Kills a running engine that answers nothing, stopped or deadlocked; the supervisor starts the next one.

        Before that it gets no requests. A busy engine answers: other threads do while prompts are read.
        """
        lived, misses, watched = time.monotonic(), 0, self.pid
        while True:
            await asyncio.sleep(self._hang_seconds / _PROBES)
            if self._state is not State.RUNNING or self.pid != watched or await probe():
                lived, misses, watched = time.monotonic(), 0, self.pid
            else:
                misses += 1
            same = self._state is State.RUNNING and self.pid == watched
            self._falls_silent(same and misses >= _SILENT_MISSES)
            if misses < _FEWEST_MISSES or time.monotonic() - lived < self._hang_seconds:
                continue
            if same and watched is not None:
                _logger.error("engine hangs", extra={"engine": self.name, "pid": watched})
                os.kill(watched, signal.SIGKILL)

    def _falls_silent(self, silent: bool) -> None:
        if silent != self._silent:
            self._silent = silent
            self._tell()

    def _heard(self, line: str) -> None:
        address = ready_address(line, self.pid)
        if address is not None:
            self._address = address
            self._lines.clear()
        elif self._address is None:
            self._lines.append(line)

    @property
    def _state(self) -> State:
        return State.STOPPED if self._supervisor is None else self._supervisor.state

    def _entered(self, state: State) -> None:
        if state is State.BACKOFF:
            self._address = None
        if state is not State.RUNNING:
            self._silent = False
        self._tell()

    def _tell(self) -> None:
        if self._call is not None:
            self._call()

    def _failed(self, what: str) -> ConfigError:
        """llama.cpp's first error is the cause; what follows are its consequences."""
        errors = (found.group(1) for line in self._lines if (found := _ERROR_LINE.match(line)))
        said = next(errors, self._lines[-1] if self._lines else "no word from it")
        return ConfigError(f"models.{self._model}.url", f"{what}: {said}")


def _in_loop(loop: asyncio.AbstractEventLoop, hear: Callable[[str], None], line: str) -> None:
    """From the thread that reads the child's output. The loop may be gone already."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(hear, line)
