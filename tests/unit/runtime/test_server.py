"""The life of a server, inside this process."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from soban.runtime.errors import NotReady, from_rpc_error
from soban.runtime.server import BindError, RunningServer, running
from soban.runtime.settings import ServerSettings
from soban.runtime.telemetry import Telemetry
from unit.runtime.echo import SERVICE, Client, Echo

NAMES = ("", "live", "ready", SERVICE)
SERVING, NOT_SERVING = 1, 2


async def health(channel: grpc.aio.Channel) -> dict[str, int]:
    stub = health_pb2_grpc.HealthStub(channel)
    return {name: (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status for name in NAMES}


async def test_health_through_a_whole_life(echo: Echo, settings: ServerSettings) -> None:
    """`live` from bind on and to the end; everything else only while calls are welcome."""
    echo.start_gate = asyncio.Event()
    server = RunningServer(echo, settings, Telemetry.noop())
    await server.bind()
    alive, well = dict.fromkeys(NAMES, NOT_SERVING) | {"live": SERVING}, dict.fromkeys(NAMES, SERVING)
    async with grpc.aio.insecure_channel(server.target) as channel:
        starting = asyncio.create_task(server.start())
        assert await health(channel) == alive
        echo.start_gate.set()
        await starting
        assert await health(channel) == well
        await server.refuse()
        assert await health(channel) == alive
        await server.stop(1.0)
    await server.close()
    assert echo.events == ["start", "drain", "stop"]


async def test_a_call_before_ready_is_told_to_come_again(echo: Echo, settings: ServerSettings) -> None:
    """UNAVAILABLE with RetryInfo, which clients retry by themselves."""
    server = RunningServer(echo, settings, Telemetry.noop())
    await server.bind()
    async with grpc.aio.insecure_channel(server.target) as channel:
        error = from_rpc_error(await Client(channel).fail("UnaryUnary", "ok"))
        assert type(error) is NotReady
        assert error.retry_after == 1.0
        await server.start()
        assert await Client(channel).call("UnaryUnary", "ok") == ["ok"]
    await server.close()


async def test_calls_between_refusing_and_stopping_are_served(echo: Echo, settings: ServerSettings) -> None:
    """Endpoints need time to forget us."""
    async with running(echo, settings) as server, grpc.aio.insecure_channel(server.target) as channel:
        await server.refuse()
        assert await Client(channel).call("UnaryUnary", "ok") == ["ok"]


async def test_streams_end_well_after_a_stop(settings: ServerSettings) -> None:
    """Eight open streams all get their last message; new calls are refused."""
    slow = SlowEcho()
    async with running(slow, settings) as server, grpc.aio.insecure_channel(server.target) as channel:
        streams = [asyncio.create_task(Client(channel).call("UnaryStream", "밥")) for _ in range(8)]
        await slow.begun(8)
        stopping = asyncio.create_task(server.stop(30))
        await refused(server.target)
        slow.go_on.set()
        assert await asyncio.gather(*streams) == [["밥", "밥"]] * 8
        await asyncio.wait_for(stopping, 10)


async def test_a_health_watch_does_not_hold_up_the_stop(echo: Echo, settings: ServerSettings) -> None:
    """It would never end by itself; it sees NOT_SERVING first."""
    async with running(echo, settings) as server, grpc.aio.insecure_channel(server.target) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="ready"))
        assert (await watch.read()).status == SERVING
        await asyncio.wait_for(server.stop(600), 10)
        assert (await watch.read()).status == NOT_SERVING


async def test_a_second_signal_ends_running_calls(echo: Echo, settings: ServerSettings) -> None:
    """The grace is over at once."""
    async with running(echo, settings) as server, grpc.aio.insecure_channel(server.target) as channel:
        call = asyncio.create_task(Client(channel).fail("UnaryStream", "hang"))
        await asyncio.wait_for(echo.hanging.wait(), 10)
        hurry = asyncio.Event()
        stopping = asyncio.create_task(server.stop(600, hurry))
        hurry.set()
        await asyncio.wait_for(stopping, 10)
        assert (await call).code() is grpc.StatusCode.UNAVAILABLE
        assert echo.closed.is_set()


async def test_the_grace_is_a_bound(echo: Echo, settings: ServerSettings) -> None:
    """What has not ended by then is cancelled."""
    async with running(echo, settings) as server, grpc.aio.insecure_channel(server.target) as channel:
        call = asyncio.create_task(Client(channel).fail("UnaryStream", "hang"))
        await asyncio.wait_for(echo.hanging.wait(), 10)
        await asyncio.wait_for(server.stop(0.1), 10)
        assert (await call).code() is grpc.StatusCode.UNAVAILABLE


async def test_a_drain_that_fails_still_stops_the_server(settings: ServerSettings) -> None:
    """And closes the component; the error is raised."""

    class Broken(Echo):
        async def drain(self, grace: float) -> None:
            raise RuntimeError("no")

    broken = Broken()
    with pytest.raises(RuntimeError, match="no"):
        async with running(broken, settings):
            pass
    assert broken.events == ["start", "stop"]


async def test_a_start_that_fails_closes_what_is_open(echo: Echo, settings: ServerSettings) -> None:
    """The port is free again and `stop` was called."""
    echo.start_error = RuntimeError("no model")
    with pytest.raises(RuntimeError, match="no model"):
        async with running(echo, settings):
            pass
    assert echo.events[-1] == "stop"


async def test_a_taken_port_is_named_with_the_settings_to_change(echo: Echo) -> None:
    """Two servers never share a port by accident, which SO_REUSEPORT would allow."""
    async with running(echo, ServerSettings(port=0)) as server:
        with pytest.raises(BindError, match=rf"127.0.0.1:{server.port}.*host and port"):
            async with running(Echo(), ServerSettings(port=server.port)):
                pass


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT on this system")
async def test_processes_share_a_port_when_told_to() -> None:
    """For several workers behind one address."""
    async with (
        running(Echo(), ServerSettings(port=0, reuse_port=True)) as server,
        running(Echo(), ServerSettings(port=server.port, reuse_port=True)) as other,
    ):
        assert other.port == server.port


@pytest.mark.parametrize("offered", [True, False])
async def test_reflection_lists_every_service_when_it_is_on(echo: Echo, offered: bool) -> None:
    """A setting decides."""
    settings = ServerSettings(port=0, reflection=offered)
    async with running(echo, settings) as server, grpc.aio.insecure_channel(server.target) as channel:
        if not offered:
            with pytest.raises(grpc.aio.AioRpcError):
                await listed(channel)
        else:
            names = ["grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection", SERVICE]
            assert await listed(channel) == names


async def refused(target: str) -> None:
    """Returns once a new client is turned away."""
    async with asyncio.timeout(10):
        while True:
            async with grpc.aio.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
                try:
                    await Client(channel).call("UnaryUnary", "ok")
                except grpc.aio.AioRpcError as err:
                    if err.code() is grpc.StatusCode.UNAVAILABLE:
                        return
                    # Who is being connected at the very moment of the stop may read this from gRPC itself.
                    assert err.code() is grpc.StatusCode.CANCELLED


async def listed(channel: grpc.aio.Channel) -> list[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    answers = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    return sorted([service.name async for answer in answers for service in answer.list_services_response.service])


class SlowEcho(Echo):
    """Waits between its two messages until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self._open = 0

    async def unary_stream(self, request: Any, context: Any) -> Any:
        yield request
        self._open += 1
        await self.go_on.wait()
        yield request

    async def begun(self, count: int) -> None:
        async with asyncio.timeout(10):
            while self._open < count:
                await asyncio.sleep(0.005)
