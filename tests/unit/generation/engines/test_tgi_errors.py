"""TGI's refusals in every form that it has for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.engines.http import Answered
from soban.generation.engines.openai_errors import refusal_in, refusal_of
from soban.generation.engines.tgi_errors import error_of
from soban.runtime.errors import (
    ContextOverflow,
    EngineFailed,
    EngineOverloaded,
    Internal,
    InvalidField,
    NotBuilt,
    SobanError,
    TextTooLong,
)
from unit.generation.conftest import ask
from unit.generation.engines.fakes import tgi_wire as wire

INVALID = "Input validation error: "
CASES: list[tuple[str, str, int, type[SobanError]]] = [
    ("Model is overloaded", "overloaded", 429, EngineOverloaded),
    ("Request failed during generation: Server error: CUDA", "generation", 424, EngineFailed),
    ("Incomplete generation", "incomplete_generation", 500, EngineFailed),
    ("Incomplete generation stream", "incomplete_generation_stream", 500, EngineFailed),
    ("Template error: invalid operation", "template_error", 422, InvalidField),
    ("Missing template vatiable: tools", "missing_template_variable", 422, InvalidField),
    ("Tool error: Failed to parse generated text", "tool_error", 422, EngineFailed),
    ("Stream event serialization error: x", "stream_serialization_error", 422, EngineFailed),
    (f"{INVALID}`temperature` must be strictly positive", "validation", 422, InvalidField),
    (f"{INVALID}grammar is not supported", "validation", 422, NotBuilt),
    (f"{INVALID}`inputs` must have less than 1024 tokens. Given: 2060", "validation", 422, ContextOverflow),
]
"""Message, type and status: router/src/infer/mod.rs and router/src/server.rs."""


@pytest.mark.parametrize(("message", "kind", "status", "expected"), CASES)
def test_one_error_in_three_forms(message: str, kind: str, status: int, expected: type[SobanError]) -> None:
    """A status with a body, an event of a native stream, an event of a chat's stream."""
    body = json.dumps(wire.error(message, kind)).encode()
    found = [
        error_of(refusal_of(Answered(status, body, {})), ask()),
        error_of(refusal_in(wire.error(message, kind)), ask()),
        error_of(refusal_in(wire.chat_error(message)), ask()),
    ]
    assert [type(error) for error in found] == [expected] * 3


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("`temperature` must be strictly positive", "options.temperature"),
        ("`top_n_tokens` must be >= 0 and <= 5. Given: 20", "options.top_logprobs"),
        ("`max_new_tokens` must be strictly positive", "options.max_tokens"),
        ("`frequency_penalty` must be >= -2.0 and <= 2.0", "options.frequency_penalty"),
        ("`inputs` cannot be empty", "messages"),
        ("`best_of` != 1 is not supported when streaming tokens", "options"),
        ("tokenizer error x", "options"),
    ],
)
def test_a_refusal_names_the_field(words: str, field: str) -> None:
    """By the contract's path."""
    error = error_of(refusal_in(wire.error(INVALID + words, "validation")), ask())
    assert error.field == field


def test_a_grammar_that_is_refused_is_the_shape() -> None:
    """TGI wants properties in every schema."""
    request = ask(response_format=pb.ResponseFormat(json_schema="{}"))
    told = wire.error(f"{INVALID}grammar is not valid: Grammar must have a 'properties' field", "validation")
    assert error_of(refusal_in(told), request).field == "options.response_format.json_schema"


def test_an_overflow_tells_both_counts() -> None:
    """Prompt and answer together, or the prompt alone."""
    words = "`inputs` tokens + `max_new_tokens` must be <= 2048. Given: 60 `inputs` tokens and 2000 `max_new_tokens`"
    error = error_of(refusal_in(wire.error(INVALID + words, "validation")), pb.GenerateRequest(prompt="밥"))
    assert isinstance(error, ContextOverflow)
    assert error.metadata == {"input_tokens": "2060", "context_length": "2048"}
    assert error.field == "prompt"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (wire.NO_JSON, Internal),
        (wire.NO_CONTENT_TYPE, Internal),
        (wire.WRONG_TYPE, InvalidField),
        ((404, b""), EngineFailed),
        ((413, b"length limit exceeded"), TextTooLong),
        ((401, b""), Internal),
        ((500, b""), EngineFailed),
        ((503, b'{"error":"unhealthy","error_type":"healthcheck"}'), EngineOverloaded),
    ],
)
def test_what_comes_in_plain_text_or_from_what_stands_before_it(answer: Any, expected: type[SobanError]) -> None:
    """Axum's own refusals, proxies, an empty body."""
    status, body = answer
    assert type(error_of(refusal_of(Answered(status, body, {})), ask())) is expected


def test_a_proxys_time_to_come_again_is_kept() -> None:
    """TGI itself gives none."""
    body = json.dumps(wire.error(*wire.OVERLOADED)).encode()
    assert error_of(refusal_of(Answered(429, body, {"Retry-After": "7"})), ask()).retry_after == 7.0


def test_a_users_words_in_a_refusal_do_not_change_what_it_is() -> None:
    """Validation quotes what was sent."""
    told = wire.error(f"{INVALID}grammar is not valid: model is overloaded", "validation")
    assert isinstance(error_of(refusal_in(told), ask()), InvalidField)
