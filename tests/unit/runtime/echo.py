"""A server with one method of each arity, whose behaviour the request's text chooses, and what it recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from soban.runtime.context import Call, call_of
from soban.runtime.errors import EngineLost, InvalidField, NoReplica, NotReady
from soban.runtime.server import RunningServer
from soban.runtime.telemetry import Telemetry

SERVICE = "soban.test.Echo"
ARITIES = {
    "UnaryUnary": "unary_unary",
    "UnaryStream": "unary_stream",
    "StreamUnary": "stream_unary",
    "StreamStream": "stream_stream",
}


class Recorded:
    """Telemetry in memory."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self._spans = InMemorySpanExporter()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.telemetry = Telemetry.of(MeterProvider([self._reader]), tracers)

    def spans(self, kind: str = "SERVER") -> list[ReadableSpan]:
        return [span for span in self._spans.get_finished_spans() if span.kind.name == kind]

    def points(self, name: str = "rpc.server.call.duration") -> list[tuple[dict[str, Any], int]]:
        """Attributes and count of each series."""
        data = self._reader.get_metrics_data()
        metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
        return [(dict(p.attributes), p.count) for m in metrics if m.name == name for p in m.data.data_points]


class Echo:
    """The component. `hanging` is set while a handler waits, `closed` when it was ended from outside."""

    service_names = (SERVICE,)

    def __init__(self) -> None:
        self.hanging = asyncio.Event()
        self.closed = asyncio.Event()
        self.calls: list[Call] = []
        self.events: list[str] = []
        self.start_error: Exception | None = None
        self.start_gate: asyncio.Event | None = None

    def add_to(self, server: grpc.aio.Server) -> None:
        decode, encode = StringValue.FromString, StringValue.SerializeToString
        handlers = {
            "UnaryUnary": grpc.unary_unary_rpc_method_handler(self.unary_unary, decode, encode),
            "UnaryStream": grpc.unary_stream_rpc_method_handler(self.unary_stream, decode, encode),
            "StreamUnary": grpc.stream_unary_rpc_method_handler(self.stream_unary, decode, encode),
            "StreamStream": grpc.stream_stream_rpc_method_handler(self.stream_stream, decode, encode),
            "NotWritten": grpc.unary_unary_rpc_method_handler(_not_written, decode, encode),
            "Writer": grpc.unary_stream_rpc_method_handler(self.writer, decode, encode),
        }
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])

    async def start(self) -> None:
        self.events.append("start")
        if self.start_gate is not None:
            await self.start_gate.wait()
        if self.start_error is not None:
            raise self.start_error

    async def drain(self, grace: float) -> None:
        self.events.append("drain")

    async def stop(self) -> None:
        self.events.append("stop")

    async def unary_unary(self, request: StringValue, context: Any) -> StringValue:
        await self._act(request.value, context)
        return request

    async def unary_stream(self, request: StringValue, context: Any) -> AsyncIterator[StringValue]:
        _, first, rest = request.value.rpartition("then ")
        if not first:
            await self._act(rest, context)
        yield request
        await self._act(rest if first else "ok", context)
        yield request

    async def stream_unary(self, requests: AsyncIterator[StringValue], context: Any) -> StringValue:
        last = StringValue()
        async for request in requests:
            last = request
        await self._act(last.value, context)
        return last

    async def stream_stream(self, requests: AsyncIterator[StringValue], context: Any) -> AsyncIterator[StringValue]:
        async for request in requests:
            async for answer in self.unary_stream(request, context):
                yield answer

    async def writer(self, request: StringValue, context: Any) -> None:
        for _ in range(3):
            await context.write(request)

    async def _act(self, command: str, context: Any) -> None:
        self.calls.append(call_of(context))
        if command == "raise":
            raise InvalidField("temperature must be at most 2", field="sampling.temperature")
        if command == "lost":
            raise EngineLost("the engine ended", retry_after=2.5)
        if command == "away":
            raise NoReplica("no engine is ready", retry_after=2.5)
        if command == "loads behind":
            raise NotReady("the server behind this one is still loading")
        if command == "bug":
            raise KeyError("주민번호 900101-1234567")
        if command == "abort":
            await context.abort(grpc.StatusCode.NOT_FOUND, "gone")
        if command == "abort_with_status":
            await context.abort_with_status(rpc_status.to_status(Status(code=5, message="gone")))
        if command == "hang":
            await self._hang()

    async def _hang(self) -> None:
        self.hanging.set()
        try:
            await asyncio.sleep(60)
        finally:
            self.closed.set()


def _not_written(request: StringValue, context: Any) -> StringValue:
    """As the base class of generated servicers."""
    context.set_code(grpc.StatusCode.UNIMPLEMENTED)
    context.set_details("Method not implemented!")
    raise NotImplementedError("Method not implemented!")


class Client:
    """Calls a method of any arity with one text, and collects the answers' texts."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel

    def open(self, method: str, text: str, raw: bytes | None = None, **options: Any) -> Any:
        kind = {"NotWritten": "UnaryUnary", "Writer": "UnaryStream"}.get(method, method)
        make = getattr(self.channel, ARITIES[kind])
        encode = (lambda _: raw) if raw is not None else StringValue.SerializeToString
        call = make(f"/{SERVICE}/{method}", request_serializer=encode, response_deserializer=StringValue.FromString)
        request = StringValue(value=text)
        return call(request if kind.startswith("Unary") else _once(request), **options)

    async def call(self, method: str, text: str, **options: Any) -> list[str]:
        made = self.open(method, text, **options)
        if hasattr(made, "__aiter__"):
            return [answer.value async for answer in made]
        return [(await made).value]

    async def fail(self, method: str, text: str, **options: Any) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(method, text, **options)
        return caught.value


async def _once(request: StringValue) -> AsyncIterator[StringValue]:
    yield request


async def settled(server: RunningServer) -> None:
    """Waits until the server has recorded what it did."""
    async with asyncio.timeout(10):
        while server.in_flight:
            await asyncio.sleep(0.005)
