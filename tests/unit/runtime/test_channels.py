"""Outgoing calls: spread, retried, kept alive, measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from soban.runtime.channels import open_channel
from soban.runtime.server import RunningServer, running
from soban.runtime.settings import ServerSettings
from soban.runtime.telemetry import Telemetry
from unit.runtime.echo import ARITIES, SERVICE, Client, Echo, Recorded, settled

CALL = "rpc.client.call.duration"


@pytest.fixture
async def measured(server: RunningServer, recorded: Recorded) -> AsyncIterator[Client]:
    async with open_channel(server.target, telemetry=recorded.telemetry) as channel:
        yield Client(channel)


async def test_without_telemetry_it_is_grpcs_own_channel(server: RunningServer) -> None:
    """Nothing is paid for what is not asked."""
    async with open_channel(server.target, telemetry=Telemetry.noop()) as channel:
        assert type(channel).__module__.startswith("grpc.aio")


@pytest.mark.parametrize("method", ARITIES)
@pytest.mark.parametrize(("command", "code"), [("ok", "OK"), ("raise", "INVALID_ARGUMENT"), ("bug", "INTERNAL")])
async def test_each_outgoing_call_is_recorded_once(
    measured: Client, recorded: Recorded, method: str, command: str, code: str
) -> None:
    """One point and one CLIENT span with the true code."""
    if code == "OK":
        await measured.call(method, command)
    else:
        await measured.fail(method, command)
    await until(lambda: len(recorded.spans("CLIENT")) == 1)
    assert [(point["rpc.status_code"], count) for point, count in recorded.points(CALL)] == [(code, 1)]
    assert recorded.spans("CLIENT")[0].name == f"{SERVICE}/{method}"


async def test_a_cancelled_outgoing_call_is_recorded_too(measured: Client, echo: Echo, recorded: Recorded) -> None:
    """The contrib interceptor loses these."""
    call = measured.open("UnaryStream", "hang")
    reading = asyncio.ensure_future(call.read())
    await asyncio.wait_for(echo.hanging.wait(), 10)
    call.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await until(lambda: len(recorded.spans("CLIENT")) == 1)
    assert [point["rpc.status_code"] for point, _ in recorded.points(CALL)] == ["CANCELLED"]


async def test_the_server_span_is_a_child_of_the_client_span(
    measured: Client, recorded: Recorded, server: RunningServer
) -> None:
    """Also when the caller brought other metadata."""
    await measured.call("UnaryUnary", "ok", metadata=(("x-request-id", "order-1"),))
    await settled(server)
    await until(lambda: len(recorded.spans("CLIENT")) == 1)
    parent = recorded.spans()[0].parent
    assert parent is not None
    assert parent.span_id == recorded.spans("CLIENT")[0].context.span_id


async def test_calls_are_spread_over_replicas(settings: ServerSettings) -> None:
    """round_robin: each of two servers gets its half."""
    one, two = Echo(), Echo()
    async with (
        running(one, settings) as first,
        running(two, settings) as second,
        open_channel(f"ipv4:{first.target},{second.target}") as channel,
    ):
        client = Client(channel)
        await until_both(client, one, two)
        before = len(one.calls), len(two.calls)
        for _ in range(10):
            await client.call("UnaryUnary", "ok")
        assert (len(one.calls) - before[0], len(two.calls) - before[1]) == (5, 5)


@pytest.mark.parametrize("method", ARITIES)
async def test_a_call_is_tried_again_while_the_server_loads(
    echo: Echo, settings: ServerSettings, recorded: Recorded, method: str
) -> None:
    """Three attempts, none of which reached a handler."""
    server = RunningServer(echo, settings, recorded.telemetry)
    await server.bind()
    try:
        async with open_channel(server.target) as channel:
            error = await Client(channel).fail(method, "ok")
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert [(point["error.type"], count) for point, count in recorded.points()] == [("NOT_READY", 3)]
        assert not echo.calls
    finally:
        await server.close()


@pytest.mark.parametrize("method", ARITIES)
@pytest.mark.parametrize("command", ["away", "lost", "loads behind"])
async def test_a_call_that_a_handler_worked_on_is_not_tried_again(
    client: Client, echo: Echo, method: str, command: str
) -> None:
    """It may have waited, been paid for or killed its engine, and whom it called in turn was tried three times."""
    await client.fail(method, command)
    assert len(echo.calls) == 1


async def test_a_stream_that_began_is_not_tried_again(client: Client, echo: Echo) -> None:
    """The reader has its first part already."""
    await client.fail("UnaryStream", "then away")
    assert len(echo.calls) == 1


async def until(condition: object) -> None:
    async with asyncio.timeout(10):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


async def until_both(client: Client, one: Echo, two: Echo) -> None:
    async with asyncio.timeout(10):
        while not (one.calls and two.calls):
            await client.call("UnaryUnary", "ok")
