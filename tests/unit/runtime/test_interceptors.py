"""Every way a call can end, in every arity: the client's status, one span, one histogram point."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import grpc
import pytest
from opentelemetry.trace import StatusCode

from soban.runtime.errors import from_rpc_error
from soban.runtime.server import RunningServer, running
from soban.runtime.settings import ServerSettings
from unit.runtime.echo import ARITIES, SERVICE, Client, Echo, Recorded, settled

ENDS = {
    "ok": ("OK", ""),
    "raise": ("INVALID_ARGUMENT", "INVALID_FIELD"),
    "lost": ("UNAVAILABLE", "ENGINE_LOST"),
    "away": ("UNAVAILABLE", "NO_REPLICA"),
    "bug": ("INTERNAL", "INTERNAL"),
    "abort": ("NOT_FOUND", ""),
    "abort_with_status": ("NOT_FOUND", ""),
}
FAULTS = {"UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED"}


def assert_recorded(recorded: Recorded, method: str, code: str, reason: str, count: int = 1) -> None:
    wanted = {"rpc.system.name": "grpc", "rpc.method": f"{SERVICE}/{method}", "rpc.status_code": code}
    if code != "OK":
        wanted["error.type"] = reason or code
    assert recorded.points() == [(wanted, count)]
    spans = recorded.spans()
    assert [span.name for span in spans] == [f"{SERVICE}/{method}"] * count
    assert dict(spans[0].attributes or {}) == wanted
    assert (spans[0].status.status_code is StatusCode.ERROR) == (code in FAULTS)


@pytest.mark.parametrize("method", ARITIES)
@pytest.mark.parametrize("command", ENDS)
async def test_each_end_is_answered_and_recorded(
    server: RunningServer, client: Client, recorded: Recorded, method: str, command: str
) -> None:
    """One record with the true code; gRPC does not try again what a handler has worked on."""
    code, reason = ENDS[command]
    if code == "OK":
        assert set(await client.call(method, command)) == {command}
    else:
        error = await client.fail(method, command)
        assert error.code().name == code
        assert from_rpc_error(error).reason == (reason or "UPSTREAM_STATUS")
    await settled(server)
    assert_recorded(recorded, method, code, reason)


@pytest.mark.parametrize("method", ["UnaryStream", "StreamStream"])
@pytest.mark.parametrize("command", ["raise", "lost", "bug", "abort"])
async def test_an_error_after_the_first_message_keeps_its_details(
    server: RunningServer, client: Client, recorded: Recorded, method: str, command: str
) -> None:
    """The first message arrives, then the status with reason; gRPC does not retry."""
    code, reason = ENDS[command]
    answers, call = [], client.open(method, f"then {command}")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for answer in call:
            answers.append(answer.value)
    assert answers == [f"then {command}"]
    assert from_rpc_error(caught.value).code.name == code
    await settled(server)
    assert_recorded(recorded, method, code, reason)


@pytest.mark.parametrize("method", ARITIES)
async def test_a_call_cancelled_by_its_client_ends_at_once(
    server: RunningServer, client: Client, echo: Echo, recorded: Recorded, method: str
) -> None:
    """The handler is unwound, and the record says CANCELLED."""
    call = client.open(method, "then hang" if method.endswith("Stream") else "hang")
    reading = asyncio.ensure_future(_read_all(call))
    await asyncio.wait_for(echo.hanging.wait(), 10)
    call.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await asyncio.wait_for(echo.closed.wait(), 10)
    await settled(server)
    assert_recorded(recorded, method, "CANCELLED", "CANCELLED")


@pytest.mark.parametrize("method", ARITIES)
async def test_a_deadline_of_the_client_is_recorded_as_such(
    server: RunningServer, client: Client, echo: Echo, recorded: Recorded, method: str
) -> None:
    """The handler is unwound when the client's time is over."""
    error = await client.fail(method, "hang", timeout=0.5)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(echo.closed.wait(), 10)
    await settled(server)
    assert_recorded(recorded, method, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")


@pytest.mark.parametrize("method", ARITIES)
async def test_a_call_without_deadline_gets_the_longest_allowed(echo: Echo, recorded: Recorded, method: str) -> None:
    """The server ends it by itself, with details."""
    settings = ServerSettings(port=0, longest_stream_seconds=0.3)
    async with running(echo, settings, recorded.telemetry) as server, grpc.aio.insecure_channel(server.target) as ch:
        error = await Client(ch).fail(method, "hang")
        await settled(server)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert from_rpc_error(error).reason == "DEADLINE_EXCEEDED"
    assert echo.closed.is_set()
    assert_recorded(recorded, method, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")


async def test_a_stream_whose_reader_sleeps_is_ended_too(recorded: Recorded) -> None:
    """A blocked write is no way around the deadline; who reads again finds the status behind the messages."""

    class Flood(Echo):
        async def unary_stream(self, request: Any, context: Any) -> Any:
            try:
                while True:
                    yield request
            finally:
                self.closed.set()

    flood, settings = Flood(), ServerSettings(port=0, longest_stream_seconds=0.3)
    async with running(flood, settings, recorded.telemetry) as server, grpc.aio.insecure_channel(server.target) as ch:
        call = Client(ch).open("UnaryStream", "가" * 20_000)
        await call.read()
        await asyncio.wait_for(flood.closed.wait(), 10)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _read_to_the_end(call)
    assert from_rpc_error(caught.value).reason == "DEADLINE_EXCEEDED"
    assert [point["rpc.status_code"] for point, _ in recorded.points()] == ["DEADLINE_EXCEEDED"]


@pytest.mark.parametrize("method", ARITIES)
async def test_bytes_that_are_no_message_are_the_callers_error(client: Client, method: str) -> None:
    """A string that is not UTF-8 ends as INVALID_MESSAGE, and the next call works."""
    error = from_rpc_error(await client.fail(method, "", raw=b"\x0a\x02\xff\xfe"))
    assert (error.code, error.reason, error.field) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_MESSAGE",
        "request",
    )
    assert set(await client.call(method, "ok")) == {"ok"}


async def test_a_method_left_to_the_generated_base_class_is_not_built(client: Client) -> None:
    """The reason names it."""
    error = from_rpc_error(await client.fail("NotWritten", "x"))
    assert (error.code.name, error.reason) == ("UNIMPLEMENTED", "NOT_BUILT")
    assert "NotWritten" in error.message


async def test_a_method_nobody_knows_is_not_built_and_makes_no_series(
    server: RunningServer, client: Client, recorded: Recorded
) -> None:
    """Strangers cannot grow our metrics."""
    for path in ("/soban.test.Echo/Nope", "/no.Such/Thing"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.channel.unary_unary(path)(b"")
        assert from_rpc_error(caught.value).reason == "NOT_BUILT"
    await settled(server)
    assert [(point["rpc.method"], count) for point, count in recorded.points()] == [("_OTHER", 2)]


async def test_the_request_id_comes_back_and_reaches_the_handler(client: Client, echo: Echo) -> None:
    """A good one is kept, a bad one is replaced."""
    call = client.open("UnaryUnary", "ok", metadata=(("x-request-id", "order-66"),))
    await call
    assert (await call.trailing_metadata())["x-request-id"] == "order-66"
    assert echo.calls[-1].request_id == "order-66"
    call = client.open("UnaryUnary", "ok", metadata=(("x-request-id", "x" * 129),))
    await call
    assert len((await call.trailing_metadata())["x-request-id"]) == 32


async def test_an_aborted_call_brings_its_request_id_too(client: Client) -> None:
    """Who reports an error can name the call."""
    error = await client.fail("UnaryUnary", "raise", metadata=(("x-request-id", "order-67"),))
    assert dict(error.trailing_metadata())["x-request-id"] == "order-67"


async def test_a_bug_hides_its_message_and_logs_its_id(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets an id that the log has; neither gets the exception's message as a field."""
    error = await client.fail("UnaryUnary", "bug")
    assert "900101" not in (error.details() or "")
    logged = next(record for record in caplog.records if record.getMessage() == "internal error")
    assert vars(logged)["id"] in (error.details() or "")
    assert logged.exc_info


async def test_the_access_log_has_no_text(client: Client, server: RunningServer, caplog: Any) -> None:
    """Method, code, reason, time, id: nothing of the request."""
    caplog.set_level(logging.INFO, "soban.access")
    await client.fail("UnaryUnary", "raise")
    await settled(server)
    line = vars(next(record for record in caplog.records if record.name == "soban.access"))
    assert (line["method"], line["code"], line["reason"]) == (
        f"{SERVICE}/UnaryUnary",
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
    )
    assert line["duration_ms"] >= 0


async def test_handlers_that_write_by_themselves_work(client: Client) -> None:
    """The reader and writer API of grpc.aio."""
    assert await client.call("Writer", "밥") == ["밥"] * 3


async def test_the_callers_trace_goes_on(client: Client, echo: Echo, recorded: Recorded, server: RunningServer) -> None:
    """The server span is a child of the caller's, and outgoing calls are children of the server span."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await client.call("UnaryStream", "ok", metadata=(("traceparent", parent),))
    await settled(server)
    span = recorded.spans()[0]
    assert f"{span.context.trace_id:032x}" == parent.split("-")[1]
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == parent.split("-")[2]
    sent = dict(echo.calls[-1].outgoing().metadata)["traceparent"]
    assert sent.split("-")[1:3] == [parent.split("-")[1], f"{span.context.span_id:016x}"]


async def test_an_upstreams_error_passes_through(recorded: Recorded, settings: ServerSettings) -> None:
    """A handler that lets AioRpcError rise answers with the upstream's own status and details."""

    class Relay(Echo):
        target = ""

        async def unary_unary(self, request: Any, context: Any) -> Any:
            async with grpc.aio.insecure_channel(self.target) as channel:
                return await Client(channel).open("UnaryUnary", request.value)

    relay = Relay()
    async with running(Echo(), settings) as upstream, running(relay, settings) as front:
        relay.target = upstream.target
        async with grpc.aio.insecure_channel(front.target) as channel:
            error = from_rpc_error(await Client(channel).fail("UnaryUnary", "raise"))
    assert (error.reason, error.field) == ("INVALID_FIELD", "sampling.temperature")


async def _read_all(call: Any) -> None:
    if hasattr(call, "__aiter__"):
        async for _ in call:
            pass
    else:
        await call


async def _read_to_the_end(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass
