"""The adapter to vLLM, against what its server writes."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Piece, Started, Usage
from soban.runtime.errors import (
    ContextOverflow,
    EngineFailed,
    EngineOverloaded,
    Internal,
    InvalidField,
    NotBuilt,
    SobanError,
)
from unit.generation.conftest import ask, user
from unit.generation.engines.answers import end_of, events_of, raw, text_of, tokens_of
from unit.generation.engines.benches import VLLM
from unit.generation.engines.fakes import vllm as fake
from unit.generation.engines.fakes.playback import Script, refusal, stream

vllm, answer, body_of, error_of = VLLM.before, VLLM.answer, VLLM.body_of, VLLM.error_of


async def test_a_piece_comes_as_soon_as_its_token_and_tells_the_size_of_the_prompt_once() -> None:
    """Usage is in every event."""
    gate = asyncio.Semaphore(0)
    server = fake.fake_vllm(stream(fake.ROLE, fake.delta("네", 1), fake.delta(".", 2), gate=gate, hang=True))
    async with vllm(server) as engine, aclosing(engine.generate(EngineRequest(ask()))) as events:
        gate.release()
        assert await anext(events) == Started()
        gate.release()
        assert await anext(events) == Piece("네", tokens=1, input_tokens=35)
        gate.release()
        assert await anext(events) == Piece(".", tokens=1)


async def test_tokens_without_text_are_counted_with_the_next_ones() -> None:
    """vLLM holds half a syllable back, and writes nothing for it."""
    script = stream(fake.ROLE + fake.delta("밥", 3) + fake.delta("을", 6, "length") + fake.usage(35, 6) + fake.DONE)
    assert tokens_of(await answer(script)) == 6


async def test_a_server_that_tells_usage_at_the_end_only() -> None:
    """An event counts as a token until then."""
    script = stream(fake.ROLE, fake.delta("밥", 0), fake.delta("을", 0, "stop"), fake.usage(35, 7), fake.DONE)
    events = await answer(script)
    assert tokens_of(events) == 2
    assert end_of(events).usage == Usage(35, 7)


async def test_a_prompt_beyond_the_context_is_left_to_the_engine() -> None:
    """Its refusal tells both counts."""
    server = fake.fake_vllm(refusal(200, b'{"count":5001}'), refusal(400, fake.TOO_LONG))
    async with vllm(server) as engine:
        with pytest.raises(ContextOverflow):
            await events_of(engine, raw("긴 글"))
    assert server.asked[1].body["max_tokens"] == 1


async def test_signs_of_life_are_read_over() -> None:
    """With `--sse-keep-alive-interval`."""
    script = stream(fake.KEEP_ALIVE, fake.ROLE, fake.KEEP_ALIVE, fake.delta("네", 1), fake.delta("", 2, "stop"))
    assert text_of(await answer(script)) == "네"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_reasoning_comes_apart_under_its_old_and_its_new_name(name: str) -> None:
    """vLLM changed it in 2026."""
    thought = fake.delta({name: "생각해 "}, 1) + fake.delta({name: "보면"}, 2)
    events = await answer(stream(fake.ROLE + thought + fake.delta("네.", 3, "stop") + fake.DONE))
    assert "".join(event.reasoning for event in events if isinstance(event, Piece)) == "생각해 보면"
    assert text_of(events) == "네."
    assert end_of(events).usage == Usage(35, 3, 0, 2)


@pytest.mark.parametrize("reason", ["tool_calls", "stop"])
async def test_tool_calls_come_in_pieces_and_end_as_such(reason: str) -> None:
    """vLLM says "stop" of a call by name."""
    events = await answer(stream(fake.tool_call(reason)))
    calls = [call for event in events if isinstance(event, Piece) for call in event.tool_calls]
    assert [(call.id, call.name) for call in calls if call.name] == [("chatcmpl-tool-0d1f", "weather")]
    assert json.loads("".join(call.arguments for call in calls)) == {"city": "서울"}
    assert end_of(events).reason == pb.FINISH_REASON_TOOL_CALLS


async def test_logprobs_carry_ids_texts_and_own_bytes_only() -> None:
    """Ids stand in place of the text, which is in the bytes; of half a syllable vLLM knows no bytes."""
    told = fake.logprobs((42, " 서울", -0.25), (7, "�", -1.5))
    script = stream(fake.ROLE + fake.delta(" 서울", 2, "stop", told) + fake.usage(35, 2) + fake.DONE)
    events = await answer(script, ask(logprobs=True, top_logprobs=1))
    first, second = (told for event in events if isinstance(event, Piece) for told in event.logprobs)
    assert (first.token, first.token_id, first.bytes, first.logprob) == (" 서울", 42, " 서울".encode(), -0.25)
    assert [(top.token, top.token_id) for top in first.top] == [(" 서울", 42)]
    assert (second.token, second.token_id, second.bytes) == ("�", 7, b"")
    assert (await body_of(ask(logprobs=True, top_logprobs=1)))["return_tokens_as_token_ids"] is True


async def test_logprobs_of_a_completion_have_the_old_form() -> None:
    """Lists of tokens, values and alternatives, the likeliest first."""
    script = stream(fake.text(" 서울", 2, "stop", fake.OLD_LOGPROBS) + fake.DONE)
    request = raw(logprobs=True, top_logprobs=2, max_tokens=9)
    first, second = (
        told for event in await answer(script, request) if isinstance(event, Piece) for told in event.logprobs
    )
    assert (first.token, first.bytes, first.logprob, first.HasField("token_id")) == (
        " 서울",
        " 서울".encode(),
        -0.25,
        False,
    )
    assert [top.token for top in first.top] == [" 서울", " 부산"]
    assert (second.bytes, list(second.top)) == (b"", [])
    body = await body_of(request)
    assert body["logprobs"] == 2
    assert "return_tokens_as_token_ids" not in body


async def test_the_request_is_written_in_its_words() -> None:
    """Usage in each event; stop texts stay here."""
    body = await body_of(
        ask(
            top_k=0,
            min_p=0.05,
            repetition_penalty=1.5,
            temperature=0,
            max_tokens=7,
            stop=["\n"],
            ignore_eos=True,
            logit_bias={42: -100.0},
            template_arguments_json='{"enable_thinking": false}',
        ),
        seed=-1,
    )
    assert body["model"] == "ko-2b"
    assert body["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert (body["top_k"], body["repetition_penalty"], body["temperature"], body["max_tokens"]) == (-1, 1.5, 0.0, 7)
    assert (body["ignore_eos"], body["logit_bias"], body["seed"]) == (True, {"42": -100.0}, 2**63 - 1)
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert body["min_p"] == pytest.approx(0.05)
    assert not {"stop", "n", "add_generation_prompt"} & body.keys()


@pytest.mark.parametrize(
    ("shape", "sent"),
    [
        ({"regex": "[가-힣]+"}, {"structured_outputs": {"regex": "[가-힣]+"}}),
        ({"grammar": "root ::= x"}, {"structured_outputs": {"grammar": "root ::= x"}}),
        ({"json_object": {}}, {"response_format": {"type": "json_object"}}),
        (
            {"json_schema": '{"type":"array"}'},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": {"type": "array"}},
                }
            },
        ),
        ({"text": {}}, {}),
    ],
)
async def test_shapes_are_said_as_versions_want_them(shape: dict[str, Any], sent: dict[str, Any]) -> None:
    """A version passes over what it does not know: before 0.12, what "guided_" is goes under both names."""
    old = {f"guided_{kind}": text for kind, text in sent.get("structured_outputs", {}).items()}
    names = {"structured_outputs", "guided_regex", "guided_grammar", "response_format"}
    for version, expected in {"0.33.0": sent, "0.12.0": sent, "0.11.2": sent | old, "dev": sent | old}.items():
        server = fake.fake_vllm()
        server.pages["/version"] = fake.page(json.dumps({"version": version}).encode())
        async with vllm(server) as engine:
            await engine.describe()
            await events_of(engine, ask(response_format=pb.ResponseFormat(**shape)))
        body = server.asked[0].body
        assert {name: body[name] for name in names & body.keys()} == expected


async def test_the_last_message_is_continued() -> None:
    """The template must not open another one."""
    request = ask(continue_final_message=True)
    request.messages.append(pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text="서울은 ")]))
    body = await body_of(request)
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert body["messages"][-1] == {"role": "assistant", "content": "서울은 "}


async def test_a_tool_is_chosen_by_name() -> None:
    """All tools stay in the prompt."""
    tools = [pb.Tool(name="weather"), pb.Tool(name="time")]
    body = await body_of(ask(tools=tools, tool_choice=pb.ToolChoice(name="time"), parallel_tool_calls=False))
    assert body["tool_choice"] == {"type": "function", "function": {"name": "time"}}
    assert [tool["function"]["name"] for tool in body["tools"]] == ["weather", "time"]
    assert body["parallel_tool_calls"] is False


async def test_pictures_are_sent_by_address_or_whole() -> None:
    """Bytes as a data: address."""
    request = ask("이게 뭐야?")
    request.messages[0].parts.append(pb.ContentPart(image=pb.Image(uri="https://example.org/cat.png", detail="low")))
    request.messages[0].parts.append(pb.ContentPart(image=pb.Image(data=b"\x89PNG", media_type="image/png")))
    assert (await body_of(request))["messages"][0]["content"] == [
        {"type": "text", "text": "이게 뭐야?"},
        {"type": "image_url", "image_url": {"url": "https://example.org/cat.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
    ]


async def test_an_adapter_is_a_model_of_its_own_name() -> None:
    """In place of the base model's."""
    server = fake.fake_vllm()
    async with vllm(server) as engine, aclosing(engine.generate(EngineRequest(ask(), adapter="law"))) as events:
        assert [event async for event in events]
    assert server.asked[0].body["model"] == "law"


@pytest.mark.parametrize(
    ("wanted", "called"),
    [("ko-2b", "ko-2b"), (fake.MODEL, "ko-2b"), ("LGAI-EXAONE/EXAONE-4.0-1.2B", "LGAI-EXAONE/EXAONE-4.0-1.2B")],
    ids=["by name", "by repository", "another one"],
)
async def test_the_model_goes_by_the_name_that_the_server_gave_it(wanted: str, called: str) -> None:
    """Configured by its repository, served under `--served-model-name`."""
    server = fake.fake_vllm()
    async with vllm(server, model=wanted) as engine:
        await engine.describe()
        await events_of(engine)
    assert server.asked[0].body["model"] == called
    assert server.looked.count("/v1/models") == 1


TOOLS = ask(tools=[pb.Tool(name="t")])
GRAMMAR = ask(response_format=pb.ResponseFormat(grammar="root ::= ("))


@pytest.mark.parametrize(
    ("request_", "status", "body", "kind", "field"),
    [
        (ask(), 400, fake.TOO_LONG, ContextOverflow, "messages"),
        (raw(max_tokens=1), 400, fake.OLD_TOO_LONG, ContextOverflow, "prompt"),
        (ask(), 400, fake.OLDEST_TOO_LONG, ContextOverflow, "messages"),
        (ask(), 404, fake.NO_MODEL, EngineFailed, None),
        (ask(), 404, fake.NO_ROUTE, EngineFailed, None),
        (TOOLS, 400, fake.NO_TOOLS, InvalidField, "options.tools"),
        (GRAMMAR, 400, fake.BAD_GRAMMAR, InvalidField, "options.response_format.grammar"),
        (ask(), 400, fake.NO_IMAGES, InvalidField, "messages"),
        (ask(), 401, fake.UNAUTHORIZED, Internal, None),
        (ask(), 429, b"", EngineOverloaded, None),
        (ask(), 400, fake.NEWEST_TOO_LONG, ContextOverflow, "messages"),
        (ask(), 400, fake.FAR_TOO_LONG, ContextOverflow, "messages"),
        (ask(), 503, fake.FULL, EngineOverloaded, None),
        (ask(), 503, fake.BACKLOG, EngineOverloaded, None),
        (ask(), 503, b"", EngineOverloaded, None),
        (ask(), 500, fake.DEAD, EngineFailed, None),
        (ask(), 502, b"<html>Bad Gateway</html>", EngineFailed, None),
    ],
)
async def test_every_refusal_has_a_class_of_its_own(
    request_: pb.GenerateRequest, status: int, body: bytes, kind: type[SobanError], field: str | None
) -> None:
    """Before the stream as a status, in it as an event: the class is the same."""
    event = fake.error_event(body) if b'"code"' in body else b""
    assert await VLLM.refusals(status, body, event, request_) == {(kind, field)}


@pytest.mark.parametrize("body", [fake.TOO_LONG, fake.OLD_TOO_LONG, fake.OLDEST_TOO_LONG])
async def test_a_context_overflow_tells_both_counts(body: bytes) -> None:
    """In every wording that its versions had."""
    error = await error_of(refusal(400, body))
    assert error.metadata == {"input_tokens": "5001", "context_length": "4096"}


@pytest.mark.parametrize(
    ("body", "known"),
    [
        (fake.NEWEST_TOO_LONG, {"input_tokens": "4081", "context_length": "4096"}),
        (fake.FAR_TOO_LONG, {"context_length": "4096"}),
    ],
)
async def test_characters_are_not_told_as_tokens(body: bytes, known: dict[str, str]) -> None:
    """vLLM does not even count a prompt that cannot fit."""
    assert (await error_of(refusal(400, body))).metadata == known


async def test_overload_tells_when_to_come_again() -> None:
    """By the header."""
    assert (await error_of(refusal(429, b"", Retry_After="7"))).retry_after == 7.0


async def test_an_answer_that_was_aborted_is_not_whole() -> None:
    """ "abort" is what it says of one that it gave up."""
    assert (
        type(await error_of(stream(fake.ROLE, fake.delta("네", 1), fake.delta("", 1, "abort"), fake.DONE)))
        is EngineFailed
    )


async def test_it_describes_its_model_and_adapters() -> None:
    """By both names of the model."""
    async with vllm(fake.fake_vllm()) as engine:
        assert await engine.describe() == Description(
            models=("ko-2b", fake.MODEL), context_length=4096, adapters=("law",), version="0.33.0"
        )


async def test_something_else_at_the_address_is_no_engine() -> None:
    """It answers, but not like OpenAI."""
    server = fake.fake_vllm()
    server.pages["/v1/models"] = fake.page(b'{"hello":"world"}')
    async with vllm(server) as engine:
        with pytest.raises(EngineFailed, match="list its models"):
            await engine.describe()


@pytest.mark.parametrize(
    ("script", "error"), [(refusal(404, fake.NO_ROUTE), NotBuilt), (refusal(404, fake.NO_ADAPTER), EngineFailed)]
)
async def test_an_adapter_that_cannot_be_loaded(script: Script, error: type[SobanError]) -> None:
    """The server does not allow it, or there is none at the path."""
    async with vllm(fake.fake_vllm(script)) as engine:
        with pytest.raises(error):
            await engine.load_adapter("law", "/adapters/law")


async def test_requests_with_everything_pass_the_check() -> None:
    """There is nothing in the contract that vLLM cannot do."""
    async with vllm(fake.fake_vllm()) as engine:
        request = ask(logprobs=True, logit_bias={1: 1.0}, min_p=0.1, top_k=3, ignore_eos=True)
        request.messages.append(user("또?"))
        engine.check(request)
