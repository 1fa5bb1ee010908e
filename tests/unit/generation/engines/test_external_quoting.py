"""Refusals of external APIs that quote what they were sent: nothing in them may steer what others get."""

from __future__ import annotations

import pytest

from soban.generation.engines.external import External
from soban.runtime.errors import Internal, InvalidField, SobanError
from unit.generation.conftest import ask
from unit.generation.engines.answers import adapter, events_of, text_of
from unit.generation.engines.fakes import external as fake
from unit.generation.engines.fakes.playback import Script, refusal, stream
from unit.generation.engines.test_external_request import CONFIG, external

QUOTING = fake.error("Invalid value: 'what is max_completion_tokens and stream_options?'", "invalid_request_error")
GOOGLE = (
    b'[{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": '
    b'"INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID", "domain": "googleapis.com"}]}}]'
)


async def error_of(script: Script, key: str = "") -> SobanError:
    server = fake.fake_external(script)
    async with adapter(External, server, CONFIG, model=fake.MODEL, base="/v1", key=lambda: key) as engine:
        with pytest.raises(SobanError) as caught:
            await events_of(engine)
    return caught.value


async def test_a_quoted_request_teaches_no_words() -> None:
    """Others are asked as before, whatever one asked for."""
    server = fake.fake_external(*[refusal(400, QUOTING)] * 3, stream(fake.chat("네")))
    async with external(server) as engine:
        with pytest.raises(InvalidField):
            await events_of(engine, ask(max_tokens=9))
        server.asked.clear()
        assert text_of(await events_of(engine, ask(max_tokens=9))) == "네"
    (asked,) = server.asked
    assert {"max_tokens", "stream_options"} <= asked.body.keys()


@pytest.mark.parametrize("body", [GOOGLE, fake.error("Your credit balance is too low to access the API.", None)])
async def test_a_refused_account_is_no_mistake_of_the_caller(body: bytes) -> None:
    """Whatever status it comes with."""
    assert isinstance(await error_of(refusal(400, body)), Internal)


async def test_a_missing_model_is_no_wrong_path() -> None:
    """The mend is another key of the configuration."""
    missing = fake.error("The model `gpt-x` does not exist", "invalid_request_error", "model_not_found")
    assert "engineModel" in str(await error_of(refusal(404, missing)))
    assert "base path" in str(await error_of(refusal(404, b"404 page not found")))


async def test_a_limit_of_tokens_is_over_when_its_own_header_says() -> None:
    """Some are left nearly always: the request asks for more than that."""
    body = fake.error("Limit 30000, Used 29000, Requested 2000.", "tokens", "rate_limit_exceeded")
    headers = {"x_ratelimit_remaining_tokens": "1000", "x_ratelimit_reset_tokens": "2s"}
    assert (await error_of(refusal(429, body, **headers))).retry_after == pytest.approx(2.0)


async def test_a_key_that_is_quoted_goes_nowhere() -> None:
    """Not even to the caller."""
    body = fake.error("Incorrect parameter beside sk-geheim", "invalid_request_error")
    assert "sk-geheim" not in (await error_of(refusal(400, body), "sk-geheim")).public_message
