"""What is recorded about each incoming call: one span, one histogram point, one log line. On every way a call ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import grpc
from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from soban.runtime import semconv
from soban.runtime.context import Call, extract_trace, new_call, traceparent_of
from soban.runtime.telemetry import Telemetry

_logger = logging.getLogger("soban.access")

# The codes that are the server's fault: opentelemetry.io/docs/specs/semconv/rpc/grpc, "server spans".
SERVER_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class Recorder:
    """Begins and ends the record of a call."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._tracer = telemetry.tracer
        self._traced = telemetry.traced
        self._durations = telemetry.histogram(semconv.RPC_SERVER_CALL_DURATION)
        self._attributes: dict[tuple[str, grpc.StatusCode, str], dict[str, str]] = {}

    def begin(self, method: str, metadata: Mapping[str, str | bytes], remaining: float | None) -> Record:
        """`method` is `pkg.Service/Method`; `remaining` is the caller's deadline in seconds."""
        call = new_call(metadata, remaining)
        if not self._traced:
            return Record(self, method, call, None)
        span = self._tracer.start_span(
            method,
            extract_trace(metadata),
            SpanKind.SERVER,
            {semconv.RPC_SYSTEM_NAME: "grpc", semconv.RPC_METHOD: method},
        )
        parent = trace.set_span_in_context(span)
        # Every call runs in a task and therefore a context of its own, so that nothing has to be detached.
        otel.attach(parent)
        return Record(self, method, Call(call.request_id, call.deadline, traceparent_of(parent), parent), span)

    def end(self, record: Record, code: grpc.StatusCode, reason: str) -> None:
        """Called once a call, by the record."""
        seconds = time.perf_counter() - record.began
        attributes = self._attributes_of(record.method, code, reason)
        self._durations.record(seconds, attributes, record.call.trace)
        if record.span is not None:
            _end_span(record.span, attributes, code)
        if _logger.isEnabledFor(logging.INFO):
            _logger.info("call", extra=_line(record, code, reason, seconds))

    def _attributes_of(self, method: str, code: grpc.StatusCode, reason: str) -> dict[str, str]:
        key = (method, code, reason)
        found = self._attributes.get(key)
        if found is None:
            found = {
                semconv.RPC_SYSTEM_NAME: "grpc",
                semconv.RPC_METHOD: method,
                semconv.RPC_STATUS_CODE: code.name,
            }
            if code is not grpc.StatusCode.OK:
                found[semconv.ERROR_TYPE] = reason or code.name
            self._attributes[key] = found
        return found


class Record:
    """One call under way."""

    __slots__ = ("_ended", "_recorder", "began", "call", "method", "span")

    def __init__(self, recorder: Recorder, method: str, call: Call, span: Span | None) -> None:
        self._recorder = recorder
        self._ended = False
        self.method = method
        self.call = call
        self.span = span
        self.began = time.perf_counter()

    def end(self, code: grpc.StatusCode, reason: str = "") -> None:
        """Writes the record; only the first of several calls counts."""
        if not self._ended:
            self._ended = True
            self._recorder.end(self, code, reason)


def _end_span(span: Span, attributes: Mapping[str, str], code: grpc.StatusCode) -> None:
    span.set_attributes(dict(attributes))
    if code in SERVER_FAULTS:
        span.set_status(Status(StatusCode.ERROR, code.name))
    span.end()


def _line(record: Record, code: grpc.StatusCode, reason: str, seconds: float) -> dict[str, Any]:
    return {
        "method": record.method,
        "code": code.name,
        "reason": reason or None,
        "duration_ms": round(seconds * 1000, 3),
        "request_id": record.call.request_id,
    }
