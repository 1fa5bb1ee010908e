"""Channels to other services: spread over replicas, retried before the first message, kept alive, measured."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import grpc
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from soban.runtime import semconv
from soban.runtime.context import TRACEPARENT, traceparent_of
from soban.runtime.telemetry import Telemetry

_MAX_MESSAGE_BYTES = 16 * 1024 * 1024

SERVICE_CONFIG: dict[str, Any] = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
}
"""gRPC retries a stream only before its first message, not after a handler's own error (`interceptors`), and no longer
when many calls fail."""


def open_channel(target: str, *, telemetry: Telemetry | None = None) -> grpc.aio.Channel:
    """A channel to `target` (`host:port`, `dns:///name:port`). Reuse it: opening one costs a connection and memory."""
    options = [
        ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
        ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),  # also a stream that waits for its engine notices a dead peer
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 1_000),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        # 30 s by default: pods that replace others would not be found when these end their connections.
        ("grpc.dns_min_time_between_resolutions_ms", 500),
    ]
    channel = grpc.aio.insecure_channel(target, options=options)
    if telemetry is None or not (telemetry.measured or telemetry.traced):
        return channel
    return MeasuredChannel(channel, telemetry)


class MeasuredChannel(grpc.aio.Channel):
    """Records each call when it is done. gRPC's client interceptors would add a task and a frame to every message."""

    def __init__(self, channel: grpc.aio.Channel, telemetry: Telemetry) -> None:
        self._channel = channel
        self._tracer = telemetry.tracer if telemetry.traced else None
        self._durations = telemetry.histogram(semconv.RPC_CLIENT_CALL_DURATION)

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """As on any channel."""
        return self._measured(method, self._channel.unary_unary(method, *args, **kwargs))

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """As on any channel."""
        return self._measured(method, self._channel.unary_stream(method, *args, **kwargs))

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """As on any channel."""
        return self._measured(method, self._channel.stream_unary(method, *args, **kwargs))

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """As on any channel."""
        return self._measured(method, self._channel.stream_stream(method, *args, **kwargs))

    async def close(self, grace: float | None = None) -> None:
        """As on any channel."""
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """As on any channel."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """As on any channel."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """As on any channel."""
        await self._channel.channel_ready()

    async def __aenter__(self) -> MeasuredChannel:
        await self._channel.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._channel.__aexit__(*error)

    def _measured(self, path: str, invoke: Callable[..., Any]) -> Callable[..., Any]:
        method = path.removeprefix("/")

        def call(*args: Any, metadata: Any = None, **kwargs: Any) -> Any:
            began, span = time.perf_counter(), None
            if self._tracer is not None:
                span = self._tracer.start_span(method, kind=SpanKind.CLIENT)
                metadata = _with_traceparent(metadata, span)
            made = invoke(*args, metadata=metadata, **kwargs)
            made.add_done_callback(lambda done: self._record(method, done, began, span))
            return made

        return call

    def _record(self, method: str, call: Any, began: float, span: Span | None) -> None:
        code = _code_of(call)
        attributes = {semconv.RPC_SYSTEM_NAME: "grpc", semconv.RPC_METHOD: method, semconv.RPC_STATUS_CODE: code.name}
        if code is not grpc.StatusCode.OK:
            attributes[semconv.ERROR_TYPE] = code.name
        self._durations.record(time.perf_counter() - began, attributes)
        if span is not None:
            span.set_attributes(dict(attributes))
            span.set_status(Status(StatusCode.UNSET if code is grpc.StatusCode.OK else StatusCode.ERROR))
            span.end()


def _with_traceparent(metadata: Any, span: Span) -> tuple[tuple[str, str | bytes], ...]:
    kept = tuple((key, value) for key, value in metadata or () if key != TRACEPARENT)
    header = traceparent_of(trace.set_span_in_context(span))
    return kept if header is None else (*kept, (TRACEPARENT, header))


def _code_of(call: Any) -> grpc.StatusCode:
    """The status of a finished call. `code()` is a coroutine that has nothing left to wait for."""
    waiting = call.code()
    try:
        waiting.send(None)
    except StopIteration as done:
        code: grpc.StatusCode = done.value
        return code
    waiting.close()
    return grpc.StatusCode.UNKNOWN
