"""All services as child processes of this one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc

from soban.cli.client import channel_options
from soban.cli.failure import EXIT_FAILED, EXIT_USAGE, Failure
from soban.cli.health import CHECK_METHOD, SERVING, check_request, check_status
from soban.cli.journal import Journal
from soban.cli.plan import SERVICES, Plan
from soban.runtime.process import State, Supervisor

_PROBE_SECONDS = 1.0
_STOP_MARGIN_SECONDS = 30.0
_LAST_WORDS_SECONDS = 0.2

Command = Callable[[str, Path | None], Sequence[str]]
"""Gives the arguments that start a service with a configuration."""
OnState = Callable[[str, State, float], None]
"""Gets a service, its new state, and the seconds since the stack was started."""


def service_command(name: str, config_path: Path | None) -> list[str]:
    """How a service of ours is started by this Python."""
    return [sys.executable, "-m", f"soban.{name}", *(["-c", str(config_path)] if config_path else [])]


class Stack:
    """Starts the services of a plan side by side, restarts what crashes, and stops the gateway before the others."""

    def __init__(
        self,
        plan: Plan,
        config_path: Path | None,
        journal: Journal,
        on_state: OnState,
        command: Command = service_command,
    ) -> None:
        self._plan = plan
        self._config_path = config_path
        self._command = command
        self._journal = journal
        self._on_state = on_state
        self._began = 0.0
        self._services: dict[str, Supervisor] = {}
        self._was_ready: set[str] = set()
        self._failed: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Starts all of them and returns at once."""
        self._began = time.monotonic()
        for name in SERVICES:
            self._services[name] = self._supervisor(name)
            await self._services[name].start()

    async def wait_ready(self) -> float:
        """Returns the seconds until every service was ready. Raises Failure when one ended before it was."""
        ready = asyncio.create_task(self._all_ready())
        try:
            first: set[asyncio.Future[Any]] = {ready, self._failed}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._failed.done():
            await asyncio.sleep(_LAST_WORDS_SECONDS)
            raise self._failure(*self._failed.result())
        return time.monotonic() - self._began

    async def stop(self, hurry: asyncio.Event) -> None:
        """Lets running calls end, the gateway's first; `hurry` ends them at once. Nothing is left afterwards."""
        hurrying = asyncio.create_task(self._hurry(hurry))
        behind = [name for name in self._services if name != "gateway"]
        for group in (self._services.keys() & {"gateway"}, behind):
            await asyncio.gather(*(self._services[name].stop(self._grace(name)) for name in group))
        hurrying.cancel()
        await asyncio.gather(hurrying, return_exceptions=True)

    @property
    def waiting(self) -> list[str]:
        """Services that are not ready."""
        return [name for name, service in self._services.items() if service.state is not State.RUNNING]

    @property
    def pids(self) -> Mapping[str, int | None]:
        """Process ids by service."""
        return {name: service.pid for name, service in self._services.items()}

    async def _all_ready(self) -> None:
        while waiting := self.waiting:
            await self._services[waiting[0]].wait_for(State.RUNNING)

    def _supervisor(self, name: str) -> Supervisor:
        address = self._plan.address(name)
        return Supervisor(
            self._command(name, self._config_path),
            hidden=() if name == "generation" else self._plan.config.key_variables,
            name=name,
            probe=lambda: _is_ready(address),
            on_exit=lambda code: self._ended(name, code),
            on_state=lambda state: self._entered(name, state),
            sink=self._journal.sink(name),
        )

    def _entered(self, name: str, state: State) -> None:
        if state is State.RUNNING:
            self._was_ready.add(name)
        self._on_state(name, state, time.monotonic() - self._began)

    def _ended(self, name: str, code: int) -> None:
        if name not in self._was_ready and not self._failed.done():
            self._failed.set_result((name, code))

    def _failure(self, name: str, code: int) -> Failure:
        said = self._journal.complaint(name) or " ".join(self._journal.last(name, 1)) or "it wrote nothing"
        message = f"it ended with exit code {code}: {said}"
        exit_code = EXIT_USAGE if code == EXIT_USAGE else EXIT_FAILED
        return Failure(f"cannot start {name}", "START_FAILED", message, "see more with --logs -", exit_code)

    def _grace(self, name: str) -> float:
        settings = self._plan.settings[name]
        return settings.grace + settings.drain_seconds + _STOP_MARGIN_SECONDS

    async def _hurry(self, hurry: asyncio.Event) -> None:
        await hurry.wait()
        for pid in self.pids.values():
            if pid is not None:
                os.kill(pid, signal.SIGTERM)


async def _is_ready(address: str) -> bool:
    """Whether the server there calls itself ready. Raises OSError when nobody listens.

    That is found out without gRPC, which would take ten times the work, and would wait before it connects again.
    """
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    writer.close()
    async with grpc.aio.insecure_channel(address, options=channel_options(address)) as channel:
        check = channel.unary_unary(CHECK_METHOD, request_serializer=check_request, response_deserializer=check_status)
        try:
            return bool(await check("ready", timeout=_PROBE_SECONDS) == SERVING)
        except grpc.aio.AioRpcError:
            return False
