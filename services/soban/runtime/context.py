"""What a call brings with it and hands on: its id, its deadline, its trace."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import grpc
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

REQUEST_ID = "x-request-id"
TRACEPARENT = "traceparent"

# w3.org/TR/trace-context, "traceparent Header Field Values": version ff and ids of zeros alone are invalid.
_W3C_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_PROPAGATOR = TraceContextTextMapPropagator()
_ServicerContext: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Outgoing(NamedTuple):
    """For a call that continues this one: `stub.Check(request, metadata=out.metadata, timeout=out.timeout)`."""

    metadata: tuple[tuple[str, str], ...]
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `deadline` is on the clock of `time.monotonic`; `trace` is the parent for spans of our own."""

    request_id: str
    deadline: float | None = None
    traceparent: str | None = None
    trace: Context | None = field(default=None, repr=False, compare=False)

    def remaining(self, margin: float = 0.0) -> float | None:
        """Seconds left, less `margin`, never below 0; None without a deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic() - margin)

    def outgoing(self, margin: float = 0.01, timeout: float | None = None) -> Outgoing:
        """Metadata and timeout for a call made on behalf of this one.

        gRPC does not hand deadlines on by itself. `margin` leaves time to report the outcome; `timeout` bounds the
        outgoing call further.
        """
        metadata: tuple[tuple[str, str], ...] = ((REQUEST_ID, self.request_id),)
        if self.traceparent is not None:
            metadata += ((TRACEPARENT, self.traceparent),)
        bounds = [bound for bound in (self.remaining(margin), timeout) if bound is not None]
        return Outgoing(metadata, min(bounds) if bounds else None)


_current: ContextVar[tuple[object, Call]] = ContextVar("soban_call")


def call_of(context: _ServicerContext) -> Call:
    """The call that `context` belongs to; it is read from the metadata when no interceptor ran."""
    current = _current.get(None)
    if current is not None and current[0] is context:
        return current[1]
    return new_call(as_metadata(context.invocation_metadata()), context.time_remaining())


def new_call(metadata: Mapping[str, str | bytes], remaining: float | None) -> Call:
    """A call as its metadata describes it; `remaining` is in seconds."""
    deadline = None if remaining is None else time.monotonic() + remaining
    return Call(request_id_of(metadata.get(REQUEST_ID)), deadline, valid_traceparent(metadata.get(TRACEPARENT)))


def bind(context: _ServicerContext, call: Call) -> None:
    """Makes `call_of(context)` answer `call` in this task and its children. A task serves one call: nothing to undo."""
    _current.set((context, call))


def request_id_of(given: str | bytes | None) -> str:
    """The caller's id when it is 1 to 128 printable ASCII characters, else a new one."""
    text = _text(given)
    if text and len(text) <= 128 and text.isascii() and text.isprintable():
        return text
    return secrets.token_hex(16)


def valid_traceparent(given: str | bytes | None) -> str | None:
    """The caller's `traceparent` when it is one; what is none would fail, as metadata, every call that goes on."""
    text = _text(given)
    return text if text and _W3C_PARENT.fullmatch(text) else None


def extract_trace(metadata: Mapping[str, str | bytes]) -> Context:
    """The caller's trace context."""
    if (parent := valid_traceparent(metadata.get(TRACEPARENT))) is None:
        return Context()
    return _PROPAGATOR.extract({TRACEPARENT: parent, "tracestate": _text(metadata.get("tracestate")) or ""})


def traceparent_of(context: Context) -> str | None:
    """`context` as a `traceparent` header."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, context)
    return carrier.get(TRACEPARENT)


def as_metadata(pairs: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str | bytes]:
    """Metadata as a mapping; the last of equal keys counts."""
    return dict(iter(pairs or ()))


def _text(value: str | bytes | None) -> str | None:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value
