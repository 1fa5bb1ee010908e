"""What the gateway tells of each chat: GenAI metrics, attributes of the call's span, a line for accounting. No text."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from opentelemetry import trace

import soban.v1 as pb
from soban.gateway.accounting import Accounts
from soban.gateway.stopwatch import Stopwatch
from soban.runtime import semconv
from soban.runtime.context import Call
from soban.runtime.errors import SobanError
from soban.runtime.telemetry import Telemetry

PROVIDER = "soban"


class Meter:
    """Records each chat once, however it ends."""

    def __init__(self, telemetry: Telemetry, accounts: Accounts) -> None:
        self._accounts = accounts
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
            self._accounts.write(chat, call, watch, error)

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
        usage = watch.told.usage
        for kind, tokens in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            if tokens:
                self._tokens.record(tokens, {**attributes, semconv.GEN_AI_TOKEN_TYPE: kind})
        _describe(trace.get_current_span(), watch, usage, attributes)
        if error:
            attributes[semconv.ERROR_TYPE] = error
        self._durations.record(watch.seconds(), attributes)


def _describe(span: trace.Span, watch: Stopwatch, usage: pb.Usage, attributes: dict[str, str]) -> None:
    if not span.is_recording():
        return
    span.set_attributes(dict(attributes))
    if watch.asked_model:
        span.set_attribute(semconv.GEN_AI_REQUEST_MODEL, watch.asked_model)
    span.set_attribute(semconv.GEN_AI_USAGE_INPUT_TOKENS, usage.input_tokens)
    span.set_attribute(semconv.GEN_AI_USAGE_OUTPUT_TOKENS, usage.output_tokens)
