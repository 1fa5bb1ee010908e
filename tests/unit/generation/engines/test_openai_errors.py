"""Refusals in all forms that engines with an OpenAI API write, as errors of the contract."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.generation.engines.http import Answered
from soban.generation.engines.openai_errors import error_of, refusal_in, refusal_of
from soban.generation.engines.openai_events import Answer
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
from unit.generation.conftest import ask


def error(status: int, body: object, request: pb.GenerateRequest | None = None, **headers: str) -> SobanError:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_of(refusal_of(Answered(status, raw, named)), request or ask())


FORMS = [
    lambda text, code: {"error": {"message": text, "type": "x", "param": None, "code": code}},
    lambda text, code: {"error": {"message": text, "type": "x", "param": None, "code": str(code)}},
    lambda text, code: {"object": "error", "message": text, "type": "x", "param": None, "code": code},
    lambda text, code: {"error": {"message": text, "http_status_code": code}},
    lambda text, code: {"error": text, "code": code},
]


@pytest.mark.parametrize("word", ["overloaded", "insufficient_quota", "rate limit", "billing_not_active"])
def test_what_a_refusal_quotes_says_nothing_of_the_engine(word: str) -> None:
    """Else one prompt could have a replica left alone."""
    body = json.dumps({"error": {"message": f"cannot parse: {word} 뜻이 뭐예요?", "type": "BadRequestError"}})
    assert type(error_of(refusal_of(Answered(400, body.encode(), {})), pb.GenerateRequest(prompt=word))) is InvalidField


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("maximum context length is 4096 tokens", 400, ContextOverflow),
        ("The request queue is full.", 503, EngineOverloaded),
        ("temperature must be a number", 400, InvalidField),
        ("out of memory", 500, EngineFailed),
    ],
)
def test_every_form_means_the_same_as_a_body_and_in_a_stream(
    form: object, text: str, status: int, kind: type[SobanError]
) -> None:
    """A stream has status 200, so that the event tells it."""
    said = form(text, status)  # type: ignore[operator]
    assert type(error(status, said)) is kind
    assert type(error_of(refusal_in(said), ask())) is kind
    with pytest.raises(kind):
        Answer(ask()).take(json.dumps(said).encode())


OVERFLOWS = [
    ("This model's maximum context length is 4096 tokens. However, your messages resulted in 5001 tokens.", 5001, 4096),
    ("This endpoint's maximum context length is 4096 tokens. However, you requested about 5017 tokens "
     "(5001 in the messages, 16 in the completion).", 5001, 4096),
    ("max_tokens is too large: 9000. This model's maximum context length is 4096 tokens and your request has 10 input "
     "tokens (9000 > 4096 - 10).", 10, 4096),
    ("The input (5001 tokens) is longer than the model's context length (4096 tokens).", 5001, 4096),
    ("The prompt (length 5001) is longer than the maximum model length of 4096.", 5001, 4096),
    ("This model's maximum prompt length is 4096 but the request contains 5001 tokens", 5001, 4096),
    ("Input length (5001) exceeds model's maximum context length (4096).", 5001, 4096),
    ("Input length 5001 exceeds the maximum allowed input length of 4096 tokens.", 0, 4096),
    ("Please reduce the length of the messages or completion", 0, 0),
    ("prompt is too long", 0, 0),
    ("Input validation error: `inputs` must have less than 4096 tokens. Given: 5001", 5001, 4096),
    ("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5001 `inputs` tokens and 20 "
     "`max_new_tokens`", 5001, 4096),
    ("Number of prompt tokens: 5001 exceeds model max length: 4096", 5001, 4096),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tokens", "context"), OVERFLOWS)
def test_a_context_that_is_too_short_is_known_by_every_wording(text: str, tokens: int, context: int) -> None:
    """With both counts, where they are told."""
    found = error(400, {"error": {"message": text, "type": "invalid_request_error", "code": None}})
    expected = {"input_tokens": tokens, "context_length": context}
    assert type(found) is ContextOverflow
    assert found.metadata == {name: str(count) for name, count in expected.items() if count}
    assert found.field == "messages"


def test_a_context_that_is_too_short_is_known_by_its_code() -> None:
    """OpenAI's."""
    said = {"error": {"message": "긴 글", "type": "invalid_request_error", "code": "context_length_exceeded"}}
    assert type(error(400, said)) is ContextOverflow
    assert error(400, said, pb.GenerateRequest(prompt="긴 글")).field == "prompt"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": {"message": "Incorrect API key provided: sk-12", "code": "invalid_api_key"}}, Internal),
        (403, "", Internal),
        (402, "", Internal),
        (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, Internal),
        (429, {"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}, EngineOverloaded),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, EngineOverloaded),
        (503, {"error": {"message": "Loading model", "type": "unavailable_error"}}, NoReplica),
        (503, "upstream connect error", EngineOverloaded),
        (404, {"error": {"message": "The model `ko` does not exist.", "type": "NotFoundError"}}, EngineFailed),
        (404, {"detail": "Not Found"}, EngineFailed),
        (405, {"detail": "Method Not Allowed"}, EngineFailed),
        (499, "", EngineFailed),
        (413, "", TextTooLong),
        (422, {"detail": [{"loc": ["body", "temperature"], "msg": "must be a number"}]}, InvalidField),
        (501, {"error": {"message": "no embeddings", "type": "not_supported_error"}}, NotBuilt),
        (500, "[" * 100_000, EngineFailed),
        (504, "<html>Gateway Timeout</html>", EngineFailed),
        (302, "", EngineFailed),
    ],
)
def test_each_status_has_a_class_of_its_own(status: int, body: object, kind: type[SobanError]) -> None:
    """Words tell apart what shares a status."""
    assert type(error(status, body)) is kind


def test_the_keys_of_a_refusal_stay_inside() -> None:
    """What a client reads of a wrong key is no part of it, nor is anything of a failure."""
    found = error(401, {"error": {"message": "Incorrect API key provided: sk-12", "code": "invalid_api_key"}})
    assert "sk-12" not in found.message
    assert "비밀" not in error(500, {"error": {"message": "비밀 in a traceback"}}).message


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("100000", 60.0), ("Wed, 21 Oct", 1.0)])
def test_retry_after_is_handed_on_within_reason(header: str, seconds: float) -> None:
    """The form with a date counts as absent."""
    assert error(429, "", Retry_After=header).retry_after == seconds
    assert error(503, "", Retry_After=header).retry_after == seconds


@given(st.integers(300, 599), st.one_of(st.text(), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["error", "message", "code", "type", "detail", "object", "error_type"]), inner
    ),
)))  # fmt: skip
def test_whatever_an_engine_says_is_an_error_of_the_contract(status: int, body: object) -> None:
    """With words that fit into a message."""
    found = error(status, body)
    assert isinstance(found, SobanError)
    assert 0 < len(found.message.encode()) < 500
