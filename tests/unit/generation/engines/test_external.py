"""The adapter to APIs of somebody else, against what they write."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

import soban.v1 as pb
from soban.generation.engine import EngineRequest, Finished, Piece, Started, Usage
from soban.runtime.errors import (
    ContextOverflow,
    EngineFailed,
    EngineLost,
    EngineOverloaded,
    Internal,
    InvalidField,
    SobanError,
    TextTooLong,
)
from unit.generation.conftest import ask
from unit.generation.engines.answers import end_of, events_of, text_of, tokens_of
from unit.generation.engines.benches import EXTERNAL
from unit.generation.engines.fakes import external as fake
from unit.generation.engines.fakes.playback import Script, refusal, stream

external, answer, error_of = EXTERNAL.before, EXTERNAL.answer, EXTERNAL.error_of


async def test_an_answer_begins_comes_in_pieces_and_ends() -> None:
    """With the API's own usage; the address ends with the base path."""
    server = fake.fake_external(stream(fake.chat("안녕", "하세요", "!")))
    async with external(server, key=lambda: "sk-1") as engine:
        events = await events_of(engine)
    assert events[0] == Started()
    assert (text_of(events), tokens_of(events)) == ("안녕하세요!", 3)
    assert events[-1] == Finished(pb.FINISH_REASON_STOP, Usage(35, 4, 24))
    assert [asked.path for asked in server.asked] == ["/v1/chat/completions"]
    assert server.asked[0].headers["Authorization"] == "Bearer sk-1"


async def test_a_piece_comes_as_soon_as_its_token() -> None:
    """Nothing waits for the next one."""
    gate = asyncio.Semaphore(0)
    server = fake.fake_external(stream(fake.ROLE, fake.delta("네"), fake.delta("."), gate=gate, hang=True))
    async with external(server) as engine, aclosing(engine.generate(EngineRequest(ask()))) as events:
        gate.release()
        assert await anext(events) == Started()
        for text in ("네", "."):
            gate.release()
            assert (await anext(events)) == Piece(text, tokens=1)


async def test_a_prompt_goes_to_completions() -> None:
    """Where an API has those."""
    server = fake.fake_external(stream(fake.completion(" 서울", "입니다")))
    async with external(server) as engine:
        events = await events_of(engine, pb.GenerateRequest(prompt="수도는"))
    assert text_of(events) == " 서울입니다"
    assert events[-1] == Finished(pb.FINISH_REASON_LENGTH, Usage(5, 2))
    assert server.asked[0].path == "/v1/completions"


async def test_several_tool_calls_come_in_pieces() -> None:
    """Each under its number."""
    events = await answer(stream(fake.TOOL_CALLS))
    calls = [call for event in events if isinstance(event, Piece) for call in event.tool_calls]
    assert [(call.index, call.id, call.name) for call in calls if call.id] == [
        (0, "call_1", "weather"),
        (1, "call_2", "time"),
    ]
    assert json.loads("".join(call.arguments for call in calls if call.index == 0)) == {"city": "서울"}
    assert end_of(events).reason == pb.FINISH_REASON_TOOL_CALLS


async def test_log_probabilities_come_with_bytes() -> None:
    """And as many alternatives as were asked for."""
    script = stream(fake.ROLE + fake.delta(" 서울", logprobs=fake.SEOUL_LOGPROBS) + fake.delta({}, "stop") + fake.DONE)
    events = await answer(script, ask(logprobs=True, top_logprobs=1))
    (told,) = [one for event in events if isinstance(event, Piece) for one in event.logprobs]
    assert (told.token, told.bytes.decode(), [top.token for top in told.top]) == (" 서울", " 서울", [" 서울"])


async def test_what_a_model_refuses_to_say_is_its_answer() -> None:
    """OpenAI writes it beside the content."""
    assert text_of(await answer(stream(fake.REFUSAL))) == "그건 도와드릴 수 없어요."


@pytest.mark.parametrize(
    ("script", "text", "usage"),
    [
        (stream(fake.without_done("네", ".")), "네.", Usage(35, 3)),
        (stream(fake.AZURE_CHAT), "안녕", Usage(12, 2)),
        (stream(b": OPENROUTER PROCESSING\n\n" + fake.chat("네")), "네", Usage(35, 2, 24)),
        (stream(fake.chat("네").replace(b"data: ", b"data:").replace(b"\n\n", b"\r\n\r\n")), "네", Usage(35, 2, 24)),
        (stream(fake.event('{"choices":[{"index":0,"content_filter_offsets":{}}]}') + fake.chat("네")), "네", None),
        (stream(fake.event('{"error":null,"choices":[]}') + fake.chat("네")), "네", None),
    ],
    ids=["no done", "azure", "comments", "crlf", "filter results late", "error null"],
)
async def test_what_apis_do_differently_is_read(script: Script, text: str, usage: Usage | None) -> None:
    """All are whole answers."""
    events = await answer(script)
    assert (text_of(events), end_of(events).reason) == (text, pb.FINISH_REASON_STOP)
    assert usage is None or end_of(events).usage == usage


async def test_usage_that_is_not_told_is_counted() -> None:
    """Output by events. Input by characters, and better with each answer that tells its own."""
    told = stream(fake.ROLE + fake.delta("네") + fake.delta({}, "stop") + fake.usage(60, 2) + fake.DONE)
    untold = stream(fake.without_usage("네", ".", " 그래요"))
    server = fake.fake_external(untold, *[told] * 20, untold)
    request = ask("서울 지하철 2호선은 몇 개 역에 서는지 알려 주세요.")
    async with external(server) as engine:
        first = end_of(await events_of(engine, request)).usage
        for _ in range(20):
            await events_of(engine, request)
        last = end_of(await events_of(engine, request)).usage
    assert first.output_tokens == last.output_tokens == 3
    assert 10 <= first.input_tokens <= 40
    assert abs(last.input_tokens - 60) < abs(first.input_tokens - 60)


async def test_an_answer_that_the_filter_of_azure_stops_ends_with_safety() -> None:
    """With the text until then."""
    events = await answer(stream(fake.AZURE_STOPPED))
    assert (text_of(events), end_of(events).reason) == ("그건 ", pb.FINISH_REASON_SAFETY)


async def test_a_question_that_the_filter_of_azure_refuses_ends_with_safety() -> None:
    """It is an answer without text, not an error."""
    assert await answer(refusal(400, fake.FILTERED)) == [Started(), Finished(pb.FINISH_REASON_SAFETY, Usage())]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, fake.WRONG_KEY, Internal),
        (401, fake.error("Access denied due to invalid subscription key", "", "401"), Internal),
        (401, fake.HTML, InvalidField),
        (403, fake.error("You have no access", "permission_error", "permission_denied"), Internal),
        (
            403,
            fake.error("Country not supported", "request_forbidden", "unsupported_country_region_territory"),
            Internal,
        ),
        (403, fake.FORBIDDEN, EngineFailed),
        (403, fake.HTML, InvalidField),
        (403, fake.error("Your input was flagged", "moderation", "flagged"), InvalidField),
        (403, b"", InvalidField),
        (429, fake.NO_QUOTA, Internal),
        (402, b"", Internal),
        (404, fake.NO_MODEL, EngineFailed),
        (404, fake.HTML, EngineFailed),
        (429, fake.RATE_LIMITED, EngineOverloaded),
        (429, fake.error("Request too large for gpt-5-mini", "tokens", "rate_limit_exceeded"), TextTooLong),
        (400, fake.TOO_LONG, ContextOverflow),
        (400, fake.ONE_TEMPERATURE, InvalidField),
        (500, fake.SERVER_ERROR, EngineFailed),
        (502, fake.HTML, EngineFailed),
        (503, fake.OVERLOADED, EngineOverloaded),
        (529, b"", EngineOverloaded),
        (301, b"", EngineFailed),
    ],
)
async def test_refusals_are_errors_of_the_contract(status: int, body: bytes, error: type[SobanError]) -> None:
    """The account's own are the operator's, limits pass, the rest is about the request."""
    assert type(await error_of(refusal(status, body))) is error


async def test_a_context_that_is_too_small_tells_both_counts() -> None:
    """In old words and in new ones."""
    assert (await error_of(refusal(400, fake.TOO_LONG))).metadata == {"input_tokens": "9001", "context_length": "8192"}
    new = "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens."
    error = await error_of(refusal(400, fake.error(new, "invalid_request_error", "context_length_exceeded")))
    assert error.metadata == {"input_tokens": "300000", "context_length": "272000"}


async def test_the_parameter_that_is_refused_is_named() -> None:
    """As the contract calls it."""
    assert (await error_of(refusal(400, fake.ONE_TEMPERATURE))).field == "options.temperature"
    cases = {
        "max_completion_tokens": "options.max_tokens",
        "response_format.json_schema": "options.response_format",
        "messages[3].content": "messages",
        "store": "options",
    }
    for parameter, field in cases.items():
        body = fake.error("no", "invalid_request_error", "invalid_value", parameter)
        assert (await error_of(refusal(400, body))).field == field


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "20"}, 20.0),
        ({"retry_after_ms": "350"}, 0.35),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "17.5s"}, 17.5),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "20ms"}, 0.02),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "6m0s"}, 60.0),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "12"}, 12.0),
        ({"x_ratelimit_remaining_tokens": "900", "x_ratelimit_reset_tokens": "6m0s"}, 1.0),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "soon"}, 1.0),
        ({}, 1.0),
    ],
)
async def test_a_limit_tells_when_it_is_over(headers: dict[str, str], seconds: float) -> None:
    """By whichever header; 60 s at most, and a second where nothing is told."""
    error = await error_of(refusal(429, fake.RATE_LIMITED, **headers))
    assert error.retry_after == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (stream(cut=True), EngineLost),
        (stream(fake.ROLE, fake.delta("네"), cut=True), EngineLost),
        (stream(fake.ROLE, fake.delta("네")), EngineLost),
        (stream(fake.ROLE, fake.delta("네"), fake.DONE), EngineLost),
        (stream(fake.ROLE, fake.delta("네", "error")), EngineFailed),
        (stream(fake.ROLE, fake.delta("네"), fake.event(fake.SERVER_ERROR.decode()), fake.DONE), EngineFailed),
        (stream(fake.ROLE, fake.delta("네"), fake.event(fake.RATE_LIMITED.decode())), EngineOverloaded),
        (stream(fake.HTML), EngineLost),
    ],
    ids=["no answer", "cut", "no end", "done only", "reason error", "error event", "limit in stream", "html"],
)
async def test_a_stream_that_breaks_never_looks_whole(script: Script, error: type[SobanError]) -> None:
    """Neither at EOF, nor after an error, nor after `[DONE]` without a reason."""
    assert type(await error_of(script)) is error
