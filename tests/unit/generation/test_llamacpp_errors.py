"""Every way in which llama.cpp refuses or fails, as an error of the contract."""

from __future__ import annotations

import pytest

import soban.v1 as pb
from soban.generation.engines import llamacpp_errors
from soban.generation.engines.http import Answered
from soban.generation.engines.openai_errors import refusal_of
from soban.runtime.errors import (
    ContextOverflow,
    EngineFailed,
    EngineOverloaded,
    Internal,
    InvalidField,
    NoReplica,
    NotBuilt,
    SobanError,
    TextTooLong,
)
from unit.generation import recorded
from unit.generation.conftest import ask

GRAMMAR = ask(response_format=pb.ResponseFormat(grammar="root ::= ("))
SCHEMA = ask(response_format=pb.ResponseFormat(json_schema='{"type": "nonsense"}'))
TOOLS = ask(tools=[pb.Tool(name="t")])
PROMPT = pb.GenerateRequest(prompt="대한민국의 수도는")
ROLES = recorded.error(400, "invalid_request_error", "Conversation roles must alternate user/assistant")
TYPE = recorded.error(400, "invalid_request_error", "Field 'temperature': type must be number, but is string")

TABLE = [
    (ask(), 400, recorded.EXCEEDS_CONTEXT, ContextOverflow, "messages"),
    (PROMPT, 400, recorded.EXCEEDS_CONTEXT, ContextOverflow, "prompt"),
    (GRAMMAR, 400, recorded.BAD_GRAMMAR, InvalidField, "options.response_format.grammar"),
    (SCHEMA, 400, recorded.BAD_SCHEMA, InvalidField, "options.response_format.json_schema"),
    (SCHEMA, 400, recorded.BAD_GRAMMAR, InvalidField, "options.response_format.json_schema"),
    (TOOLS, 400, recorded.GRAMMAR_WITH_TOOLS, InvalidField, "options.tools"),
    (ask(), 400, ROLES, InvalidField, "messages"),
    (ask(), 400, TYPE, InvalidField, "options"),
    (ask(), 401, recorded.WRONG_KEY, Internal, None),
    (ask(), 403, b"", Internal, None),
    (ask(), 404, recorded.NOT_FOUND, EngineFailed, None),
    (ask(), 413, b"", TextTooLong, "messages"),
    (ask(), 429, b"", EngineOverloaded, None),
    (ask(), 500, recorded.COMPUTE_ERROR, EngineFailed, None),
    (ask(), 500, recorded.CONTEXT_FULL, EngineOverloaded, None),
    (ask(), 501, recorded.NOT_SUPPORTED, NotBuilt, None),
    (ask(), 503, recorded.LOADING, NoReplica, None),
    (ask(), 502, b"<html>Bad Gateway</html>", EngineFailed, None),
    (ask(), 500, b"[" * 100_000, EngineFailed, None),
    (ask(), 500, b'{"error": "text"}', EngineFailed, None),
    (ask(), 302, b"", EngineFailed, None),
]


def error_of(request: pb.GenerateRequest, status: int, body: bytes, retry_after: str | None = None) -> SobanError:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return llamacpp_errors.error_of(refusal_of(Answered(status, body, headers)), request)


@pytest.mark.parametrize(("request_", "status", "body", "kind", "field"), TABLE)
def test_engine_errors(
    request_: pb.GenerateRequest, status: int, body: bytes, kind: type[SobanError], field: str | None
) -> None:
    """Each has a class of its own, and the field when one is at fault."""
    error = error_of(request_, status, body)
    assert type(error) is kind
    assert error.field == field


def test_a_context_overflow_tells_both_counts() -> None:
    """So that a client can cut its text."""
    error = error_of(ask(), 400, recorded.EXCEEDS_CONTEXT)
    assert error.metadata == {"input_tokens": "4531", "context_length": "512"}
    assert "4531" in error.message
    assert "512" in error.message


def test_the_engines_words_about_a_request_are_clipped() -> None:
    """They may quote all of it."""
    error = error_of(ask(), 400, recorded.error(400, "invalid_request_error", "가" * 5000))
    assert len(error.message.encode()) < 400


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("100000", 60.0), (None, 1.0), ("Wed, 21 Oct", 1.0)])
def test_retry_after_is_handed_on(header: str | None, seconds: float) -> None:
    """Within reason."""
    assert error_of(ask(), 503, recorded.LOADING, header).retry_after == seconds
    assert error_of(ask(), 429, b"", header).retry_after == seconds
