"""The life of a server, once: NOT_SERVING, bind, start, SERVING, signal, NOT_SERVING, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Protocol, runtime_checkable

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection

from soban.runtime.child import exit_with_parent
from soban.runtime.config import ConfigError
from soban.runtime.errors import SobanError
from soban.runtime.health import Health
from soban.runtime.interceptors import CallInterceptor
from soban.runtime.settings import ServerSettings
from soban.runtime.signals import StopSignals
from soban.runtime.telemetry import MetricsPortError, Telemetry

_logger = logging.getLogger(__name__)

_HEALTH_NAME = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
_COMPONENT_STOP_SECONDS = 20.0
_NEVER_CANCELS = 1e8

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class Component(Protocol):
    """What a service gives to its server."""

    @property
    def service_names(self) -> Sequence[str]:
        """Fully qualified gRPC names that it serves."""

    def add_to(self, server: grpc.aio.Server) -> None:
        """Registers its servicers."""

    async def start(self) -> None:
        """Loads and warms; calls are served only after it returned."""

    async def drain(self, grace: float) -> None:
        """Lets work that gRPC does not see (an HTTP side) end within `grace` seconds, and takes no more."""

    async def stop(self) -> None:
        """Closes channels and children; also called when `start` failed or was cancelled."""


@runtime_checkable
class Refusing(Protocol):
    """A component that says by itself, beside gRPC's health, whether it wants new requests."""

    def refuse(self) -> None:
        """It wants none from now on, and answers those that still come. May be called more than once."""


class BindError(Exception):
    """The address cannot be had; the message names the setting to change."""


class RunningServer:
    """A bound server: `.port` is the real one also when 0 was asked for, `.target` is what a channel opens."""

    def __init__(self, component: Component, settings: ServerSettings, telemetry: Telemetry) -> None:
        self.port = 0
        self._component = component
        self._settings = settings
        self._telemetry = telemetry
        self._health = Health(component.service_names)
        self._interceptor = CallInterceptor(telemetry, settings.longest_stream_seconds)
        self._grpc = grpc.aio.server(interceptors=[self._interceptor], options=server_options(settings))
        self._stopped = False

    @property
    def target(self) -> str:
        """`host:port` for a channel."""
        return f"{self._settings.address.rpartition(':')[0]}:{self.port}"

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return self._interceptor.in_flight

    async def bind(self) -> None:
        """Opens the port: alive, not ready. Raises BindError."""
        self._component.add_to(self._grpc)
        await self._health.add_to(self._grpc)
        if self._settings.reflection:
            names = (*self._component.service_names, _HEALTH_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._grpc)
        try:
            self.port = self._grpc.add_insecure_port(self._settings.address)
        except RuntimeError as err:
            raise BindError(
                f"cannot listen on {self._settings.address}: in use or not an address of this machine; "
                "set host and port of this service"
            ) from err
        await self._grpc.start()

    async def start(self) -> None:
        """Loads the component, then serves."""
        began = time.monotonic()
        await self._component.start()
        self._interceptor.ready = True
        await self._health.set_ready(True)
        fields = {
            "target": self.target,
            "port": self.port,
            "services": list(self._component.service_names),
            "metrics_port": self._settings.prometheus_port,
            "seconds": round(time.monotonic() - began, 3),
        }
        _logger.info("serving", extra=fields)

    async def refuse(self) -> None:
        """NOT_SERVING; calls that still come are answered."""
        await self._health.set_ready(False)
        if isinstance(self._component, Refusing):
            self._component.refuse()

    async def stop(self, grace: float, hurry: asyncio.Event | None = None) -> None:
        """Takes no new calls and lets the running ones end within `grace` seconds, or until `hurry` is set."""
        if self._stopped:
            return
        self._stopped = True
        await self.refuse()
        stopping = asyncio.create_task(self._grpc.stop(_NEVER_CANCELS))
        try:
            await first_of(self._finish_work(grace), (hurry or asyncio.Event()).wait())
        finally:
            # Health watches and reflection never end by themselves and must not use up the grace. Of two stops only
            # one may cancel calls, and at once (None): a grace that runs out after the other one destroyed the
            # server is a segmentation fault in grpcio 1.85.
            await self._grpc.stop(None)
            await stopping

    async def close(self) -> None:
        """Ends what is left at once and closes the component. Safe after any failure before."""
        try:
            await self.stop(0)
        finally:
            await self._stop_component()

    async def _stop_component(self) -> None:
        try:
            await asyncio.wait_for(self._component.stop(), _COMPONENT_STOP_SECONDS)
        except TimeoutError:
            _logger.warning("component did not stop in time", extra={"seconds": _COMPONENT_STOP_SECONDS})

    async def _finish_work(self, grace: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await asyncio.gather(self._interceptor.idle(), self._component.drain(grace))


async def serve(component: Component, settings: ServerSettings, telemetry: Telemetry) -> None:
    """Runs until SIGTERM or SIGINT; a second signal ends running calls at once. Raises what `start` raised."""
    server = RunningServer(component, settings, telemetry)
    with StopSignals() as signals:
        try:
            await server.bind()
            await first_of(server.start(), signals.first.wait())
            await signals.first.wait()
            _logger.info("stopping", extra={"in_flight": server.in_flight, "grace_seconds": settings.grace})
            await server.refuse()
            await first_of(asyncio.sleep(settings.drain_seconds), signals.second.wait())
            await server.stop(settings.grace, signals.second)
        finally:
            try:
                await server.close()
            finally:
                await telemetry.shutdown()
    _logger.info("stopped")


@contextlib.asynccontextmanager
async def running(
    component: Component, settings: ServerSettings, telemetry: Telemetry | None = None, grace: float = 1.0
) -> AsyncIterator[RunningServer]:
    """A server inside this process, for tests and embedding; at the end running calls get `grace` seconds."""
    server = RunningServer(component, settings, telemetry or Telemetry.noop())
    try:
        await server.bind()
        await server.start()
        yield server
        await server.stop(grace)
    finally:
        await server.close()


async def first_of(*works: Coroutine[Any, Any, Any] | asyncio.Task[Any]) -> None:
    """Waits for the first to end, cancels the others, and raises what the ended one raised."""
    tasks = [work if isinstance(work, asyncio.Task) else asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def run(main: Callable[[], Coroutine[Any, Any, int | None]]) -> int:
    """Runs `main` on uvloop when it is there, and returns the exit code.

    0 stopped as asked, 1 could not start or failed, 2 wrong configuration. What the person can mend is one line on
    standard error; anything else is logged with its traceback.
    """
    exit_with_parent()
    try:
        return _run_loop(main) or 0
    except ConfigError as err:
        return _complain(str(err), EXIT_USAGE)
    except (BindError, MetricsPortError) as err:
        return _complain(str(err), EXIT_FAILED)
    except SobanError as err:
        return _complain(f"{err.reason}: {err}", EXIT_FAILED)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as err:
        _logger.critical("failed", exc_info=True, extra={"error": f"{type(err).__name__}: {err}"})
        return EXIT_FAILED


def _run_loop(main: Callable[[], Coroutine[Any, Any, int | None]]) -> int | None:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main())
    code: int | None = uvloop.run(main())
    return code


def _complain(line: str, code: int) -> int:
    sys.stderr.write(f"soban: {' '.join(line.split())}\n")
    return code


def server_options(settings: ServerSettings) -> list[tuple[str, Any]]:
    """Channel arguments. gRPC ignores names it does not know; these were seen to work with grpcio 1.85.3.

    Clients may ping every 10 s also on quiet streams: by default the server calls that "too many pings" and the live
    stream dies. A connection ends by age only between calls, since no age grace is set.
    """
    return [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", int(settings.reuse_port)),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.max_connection_age_ms", int(settings.connection_age * 1000)),
    ]
