"""The life of an engine's pod: load, serve, SIGTERM, serve until nothing runs, end.

The server is a child, so that signals are heard also while native code loads gigabytes, and its death is an exit code.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time

from aiohttp import ClientError, ClientSession, ClientTimeout

from soban.generation.engines.metrics import read_metrics
from soban.generation.first_process import keep_reaping
from soban.generation.llama_server import KEY_VARIABLE, ServerPlan, ready_address
from soban.runtime.child import Child
from soban.runtime.server import EXIT_FAILED, first_of
from soban.runtime.signals import StopSignals

_logger = logging.getLogger(__name__)

_ASK_SECONDS = 0.2
# A request of whom endpoints still knew us, and the last bytes of an answer, may be under way while no slot is busy.
_QUIET_SECONDS = 1.0
_ANSWER_SECONDS = 10.0
_STOP_SECONDS = 5.0


class PodLife:
    """Serves `plan` with `key`, if any. After a signal running sequences get `grace` seconds."""

    def __init__(self, plan: ServerPlan, key: str, grace: float) -> None:
        self._argv = (sys.executable, "-m", "soban.generation.llama_server", plan.to_argument())
        self._environment = {KEY_VARIABLE: key} if key else {}
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._model = plan.name
        self._grace = grace
        self._address = ""
        self._loaded = asyncio.Event()

    async def run(self) -> int:
        """Returns the exit code: 0 after a signal, 1 when the engine ended by itself."""
        with StopSignals() as signals:
            loop = asyncio.get_running_loop()
            child = Child(self._argv, self._environment, lambda line: self._pour(loop, line, child.pid))
            try:
                await first_of(child.wait(), self._serve(signals), keep_reaping(child.pid))
                code = child.returncode
            finally:
                await child.stop(_STOP_SECONDS)
        if code is not None:
            _logger.error("engine ended", extra={"model": self._model, "returncode": code})
            return EXIT_FAILED
        _logger.info("stopped", extra={"model": self._model})
        return 0

    def _pour(self, loop: asyncio.AbstractEventLoop, line: str, pid: int) -> None:
        """A line of the child's output, in the thread that reads it: its address, or an error, which is passed on."""
        address = ready_address(line, pid)
        if address is None:
            sys.stderr.write(f"{line}\n")
            return
        self._address = _reachable(address)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._loaded.set)

    async def _serve(self, signals: StopSignals) -> None:
        """Until a signal has come and nothing runs, the grace is over, or a second signal has come."""
        began = time.monotonic()
        await first_of(self._loaded.wait(), signals.first.wait())
        if not self._loaded.is_set():
            return
        fields = {"model": self._model, "address": self._address, "seconds": round(time.monotonic() - began, 2)}
        _logger.info("engine ready", extra=fields)
        await signals.first.wait()
        _logger.info("draining", extra={"model": self._model, "grace_seconds": self._grace})
        await first_of(self._until_quiet(), asyncio.sleep(self._grace), signals.second.wait())

    async def _until_quiet(self) -> None:
        quiet_since = None
        timeout = ClientTimeout(total=_ANSWER_SECONDS)
        async with ClientSession(self._address, headers=self._headers, timeout=timeout) as session:
            while quiet_since is None or time.monotonic() - quiet_since < _QUIET_SECONDS:
                busy = await _busy(session)
                quiet_since = None if busy else quiet_since or time.monotonic()
                await asyncio.sleep(_ASK_SECONDS)


async def _busy(session: ClientSession) -> bool:
    """Whether anything runs or waits in the server. One that does not answer is busy: it answers between two steps."""
    try:
        async with session.get("/metrics") as response:
            reading = read_metrics("llamacpp", await response.text())
    except (ClientError, TimeoutError):
        return True
    return reading.running != 0 or reading.waiting != 0


def _reachable(address: str) -> str:
    """A server that listens everywhere is asked on this machine itself."""
    return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
