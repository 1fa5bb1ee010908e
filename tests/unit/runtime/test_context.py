"""What a call hands on."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from soban.runtime.context import Call, call_of, request_id_of

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def fake_context(remaining: float | None, **metadata: str) -> Any:
    pairs = tuple((key.replace("_", "-"), value) for key, value in metadata.items())
    return SimpleNamespace(invocation_metadata=lambda: pairs, time_remaining=lambda: remaining)


def test_a_call_is_read_from_its_context_without_an_interceptor() -> None:
    """Servicers can be called directly in tests."""
    call = call_of(fake_context(5.0, x_request_id="order-1", traceparent=PARENT))
    assert (call.request_id, call.traceparent) == ("order-1", PARENT)
    assert 4.0 < (call.remaining() or 0) <= 5.0
    assert call_of(fake_context(None)).remaining() is None


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00-a-b-01",
        PARENT.upper(),
        f"{PARENT}\n",
        f"ff{PARENT[2:]}",
        PARENT.replace("b7ad6b7169203331", "0" * 16),
        "추적",
    ],
)
def test_what_is_no_traceparent_is_dropped(given: str) -> None:
    """It would fail every call that hands it on."""
    assert call_of(fake_context(5.0, traceparent=given)).traceparent is None


def test_remaining_never_falls_below_zero() -> None:
    """Also with a margin."""
    call = Call("a", deadline=time.monotonic() + 1)
    assert call.remaining(margin=5) == 0.0
    assert Call("a", deadline=time.monotonic() - 1).remaining() == 0.0


def test_an_outgoing_call_gets_id_trace_and_the_shorter_time() -> None:
    """gRPC hands none of them on by itself."""
    call = Call("order-1", deadline=time.monotonic() + 100, traceparent=PARENT)
    out = call.outgoing()
    assert out.metadata == (("x-request-id", "order-1"), ("traceparent", PARENT))
    assert 98 < (out.timeout or 0) < 100
    assert call.outgoing(timeout=3).timeout == 3
    assert Call("a").outgoing() == ((("x-request-id", "a"),), None)


@pytest.mark.parametrize("given", ["", "a" * 129, "줄", "a\nb", "a\x00", None])
def test_a_bad_request_id_is_replaced(given: str | None) -> None:
    """Ids end in logs and headers: printable ASCII, at most 128."""
    made = request_id_of(given)
    assert len(made) == 32
    assert made != request_id_of(given)


def test_a_good_request_id_is_kept() -> None:
    """As the caller sent it."""
    assert request_id_of("req_01-Ab.9:z") == "req_01-Ab.9:z"
    assert request_id_of(b"order-1") == "order-1"
