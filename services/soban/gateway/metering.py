"""What the gateway tells of each chat: GenAI metrics, attributes of the call's span, a line for accounting. No text."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator

from opentelemetry import trace

import soban.v1 as pb
from soban.runtime import semconv
from soban.runtime.context import Call
from soban.runtime.errors import SobanError
from soban.runtime.telemetry import Telemetry

PROVIDER = "soban"

_usage_logger = logging.getLogger("soban.usage")


class Stopwatch:
    """Times of one chat, and what is known of it so far."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._input_checked: float | None = None
        self._first_piece: float | None = None
        self.asked_model = ""
        """The model that the request names, once it is known to exist: strangers cannot name series, spans or lines."""
        self.model = ""
        """The model that answers, once known."""
        self.usage = pb.Usage()

    def input_checked(self) -> None:
        """The judgement of the input is there."""
        self._input_checked = self.seconds()

    def leaves(self, event: pb.StreamChatResponse) -> None:
        """Something that the filter released goes to the client."""
        if self._first_piece is None and event.HasField("delta"):
            self._first_piece = self.seconds()

    def used(self, usage: pb.Usage) -> None:
        """All has been counted."""
        self.usage = usage

    @property
    def first_piece(self) -> float | None:
        """Seconds from arrival to the first piece, None before it."""
        return self._first_piece

    def seconds(self) -> float:
        """Since the request's arrival."""
        return time.perf_counter() - self._began

    def timings(self, told: pb.Timings) -> pb.Timings:
        """Generation's timings with the gateway's beside them."""
        return pb.Timings(
            queue_ms=told.queue_ms,
            prefill_ms=told.prefill_ms,
            decode_ms=told.decode_ms,
            input_safety_ms=(self._input_checked or 0.0) * 1000,
            first_text_ms=(self._first_piece or 0.0) * 1000,
            total_ms=self.seconds() * 1000,
        )


class Meter:
    """Records each chat once, however it ends."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._durations = telemetry.histogram(semconv.GEN_AI_CLIENT_OPERATION_DURATION)
        self._first_pieces = telemetry.histogram(semconv.GEN_AI_CLIENT_TIME_TO_FIRST_CHUNK)
        self._tokens = telemetry.histogram(semconv.GEN_AI_CLIENT_TOKEN_USAGE)

    @contextlib.contextmanager
    def measure(self, chat: pb.ChatRequest, call: Call) -> Iterator[Stopwatch]:
        """Around the whole chat."""
        watch = Stopwatch()
        error = ""
        try:
            yield watch
        except SobanError as err:
            error = err.reason
            raise
        except (asyncio.CancelledError, GeneratorExit):
            error = "CANCELLED"
            raise
        finally:
            self._record(chat, watch, error)
            _account(chat, call, watch, error)

    def _record(self, chat: pb.ChatRequest, watch: Stopwatch, error: str) -> None:
        operation = "chat" if chat.messages else "text_completion"
        attributes: dict[str, str] = {
            semconv.GEN_AI_OPERATION_NAME: operation,
            semconv.GEN_AI_PROVIDER_NAME: PROVIDER,
        }
        if watch.model:
            attributes[semconv.GEN_AI_RESPONSE_MODEL] = watch.model
        if watch.first_piece is not None:
            self._first_pieces.record(watch.first_piece, attributes)
        for kind, tokens in (("input", watch.usage.input_tokens), ("output", watch.usage.output_tokens)):
            if tokens:
                self._tokens.record(tokens, {**attributes, semconv.GEN_AI_TOKEN_TYPE: kind})
        _describe(trace.get_current_span(), watch, attributes)
        if error:
            attributes[semconv.ERROR_TYPE] = error
        self._durations.record(watch.seconds(), attributes)


def _account(chat: pb.ChatRequest, call: Call, watch: Stopwatch, error: str) -> None:
    """One line with what the operator charges by: who asked, with which labels, and how much it was."""
    fields = {
        "request_id": call.request_id,
        "model": watch.model or None,
        "user": chat.user or None,
        "labels": dict(chat.labels) or None,
        "input_tokens": watch.usage.input_tokens,
        "output_tokens": watch.usage.output_tokens,
        "reason": error or None,
    }
    _usage_logger.info("chat", extra=fields)


def _describe(span: trace.Span, watch: Stopwatch, attributes: dict[str, str]) -> None:
    if not span.is_recording():
        return
    span.set_attributes(dict(attributes))
    if watch.asked_model:
        span.set_attribute(semconv.GEN_AI_REQUEST_MODEL, watch.asked_model)
    span.set_attribute(semconv.GEN_AI_USAGE_INPUT_TOKENS, watch.usage.input_tokens)
    span.set_attribute(semconv.GEN_AI_USAGE_OUTPUT_TOKENS, watch.usage.output_tokens)
