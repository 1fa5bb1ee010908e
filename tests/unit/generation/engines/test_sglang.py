"""The adapter to SGLang, against what its server writes."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Feature, Piece, Usage
from soban.runtime.errors import (
    ContextOverflow,
    EngineFailed,
    EngineOverloaded,
    InvalidField,
    SobanError,
)
from unit.generation.conftest import ask
from unit.generation.engines.answers import end_of, events_of, raw, text_of, tokens_of
from unit.generation.engines.benches import SGLANG
from unit.generation.engines.fakes import sglang as fake
from unit.generation.engines.fakes.playback import refusal, stream

sglang, answer, body_of, error_of = SGLANG.before, SGLANG.answer, SGLANG.body_of, SGLANG.error_of


async def test_several_tokens_of_one_event_are_counted() -> None:
    """With `--stream-interval` above 1."""
    script = stream(fake.ROLE + fake.delta("안녕하세요", 5) + fake.finish("length") + fake.usage(35, 5) + fake.DONE)
    assert tokens_of(await answer(script)) == 5


async def test_reasoning_comes_apart_from_the_text() -> None:
    """Its count is ours where SGLang tells 0."""
    whole = fake.ROLE + fake.thought("생각해 ", 1) + fake.thought("보면", 2) + fake.delta("네.", 3)
    events = await answer(stream(whole + fake.finish("stop") + fake.usage(35, 4) + fake.DONE))
    assert "".join(event.reasoning for event in events if isinstance(event, Piece)) == "생각해 보면"
    assert text_of(events) == "네."
    assert end_of(events).usage == Usage(35, 4, 0, 2)


async def test_logprobs_carry_own_bytes_only() -> None:
    """SGLang writes U+FFFD for half a syllable, and no ids."""
    told = fake.logprobs((" 서울", -0.25), ("�", -1.5))
    script = stream(fake.ROLE + fake.delta(" 서울", 2, told) + fake.finish("stop") + fake.DONE)
    events = await answer(script, ask(logprobs=True))
    first, second = (told for event in events if isinstance(event, Piece) for told in event.logprobs)
    assert (first.bytes, second.bytes) == (" 서울".encode(), b"")
    assert not first.HasField("token_id")
    assert not first.top


async def test_the_request_is_written_in_its_words() -> None:
    """Usage in each event; stop texts stay here."""
    body = await body_of(
        ask(top_k=0, min_p=0.25, repetition_penalty=1.5, max_tokens=7, stop=["\n"], ignore_eos=True), seed=2**31 + 5
    )
    assert body["model"] == "ko-1b"
    assert body["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert (body["top_k"], body["min_p"], body["repetition_penalty"], body["max_tokens"]) == (-1, 0.25, 1.5, 7)
    assert (body["ignore_eos"], body["seed"]) == (True, 5)
    assert not {"stop", "n", "lora_path", "continue_final_message"} & body.keys()


@pytest.mark.parametrize(
    ("shape", "sent"),
    [
        ({"regex": "[가-힣]+"}, {"regex": "[가-힣]+"}),
        ({"grammar": "root ::= x"}, {"ebnf": "root ::= x"}),
        ({"json_object": {}}, {"json_schema": '{"type": "object"}', "response_format": {"type": "json_object"}}),
        (
            {"json_schema": '{"type":"array"}'},
            {
                "json_schema": '{"type":"array"}',
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": {"type": "array"}},
                },
            },
        ),
        ({"text": {}}, {}),
    ],
)
async def test_shapes_have_fields_of_their_own(shape: dict[str, Any], sent: dict[str, Any]) -> None:
    """A schema goes under both of its names, since versions read one of them for completions."""
    body = await body_of(ask(response_format=pb.ResponseFormat(**shape)))
    names = {"regex", "ebnf", "json_schema", "response_format"}
    assert {name: body[name] for name in names & body.keys()} == sent


async def test_the_last_message_is_continued() -> None:
    """SGLang knows no generation prompt to leave out."""
    request = ask(continue_final_message=True)
    request.messages.append(pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text="서울은 ")]))
    body = await body_of(request)
    assert body["continue_final_message"] is True
    assert "add_generation_prompt" not in body


async def test_an_adapter_goes_beside_the_model() -> None:
    """By its name."""
    server = fake.fake_sglang()
    async with sglang(server) as engine, aclosing(engine.generate(EngineRequest(ask(), adapter="law"))) as events:
        assert [event async for event in events]
    assert (server.asked[0].body["model"], server.asked[0].body["lora_path"]) == ("ko-1b", "law")


async def test_a_version_that_cannot_count_gets_what_surely_fits() -> None:
    """No token is shorter than a byte."""
    server = fake.fake_sglang(refusal(404, fake.NO_ROUTE), stream(fake.completion("서울")))
    async with sglang(server) as engine:
        await events_of(engine, raw("수도는"))
    assert server.asked[1].body["max_tokens"] == 4096 - 9 - 1


REGEX = ask(response_format=pb.ResponseFormat(regex="("))


@pytest.mark.parametrize(
    ("request_", "status", "body", "kind", "field"),
    [
        (ask(), 400, fake.TOO_LONG, ContextOverflow, "messages"),
        (raw(max_tokens=1), 400, fake.TOO_MUCH, ContextOverflow, "prompt"),
        (ask(), 503, fake.FULL, EngineOverloaded, None),
        (ask(), 503, fake.DISPLACED, EngineOverloaded, None),
        (ask(), 400, fake.NO_ADAPTER, EngineFailed, None),
        (REGEX, 400, fake.BAD_REGEX, InvalidField, "options.response_format.regex"),
        (ask(), 500, fake.FAILED, EngineFailed, None),
        (ask(), 404, fake.NO_ROUTE, EngineFailed, None),
    ],
)
async def test_every_refusal_has_a_class_of_its_own(
    request_: pb.GenerateRequest, status: int, body: bytes, kind: type[SobanError], field: str | None
) -> None:
    """Before the stream as a status, in it as an event: the class is the same."""
    event = fake.error_event(body) if b'"code"' in body else b""
    assert await SGLANG.refusals(status, body, event, request_) == {(kind, field)}


@pytest.mark.parametrize("body", [fake.TOO_LONG, fake.TOO_MUCH])
async def test_a_context_overflow_tells_both_counts(body: bytes) -> None:
    """Of the prompt, not of prompt and answer together."""
    error = await error_of(refusal(400, body))
    assert error.metadata == {"input_tokens": "4531", "context_length": "4096"}


async def test_an_answer_that_was_aborted_is_not_whole() -> None:
    """ "abort" is what it says of one that it gave up."""
    script = stream(fake.ROLE, fake.delta("네", 1), fake.finish("abort"), fake.DONE)
    assert type(await error_of(script)) is EngineFailed


async def test_it_describes_its_model() -> None:
    """Slots are what memory allows, over all ranks. Without a parser it makes no calls of what a model writes."""
    described = Description(
        models=("ko-1b", fake.MODEL),
        context_length=4096,
        slots=96,
        lacks=frozenset({Feature.TOOLS, Feature.IMAGES}),
        adapters=("law",),
        version="0.5.4",
    )
    server = fake.fake_sglang()
    async with sglang(server) as engine:
        assert await engine.describe() == described
        server.pages["/get_model_info"] = fake.page(fake.OLD_MODEL_INFO)
        server.pages["/get_server_info"] = server.pages.pop("/server_info")
        del server.pages["/model_info"]
        assert await engine.describe() == replace(described, lacks=frozenset())


async def test_what_it_does_not_tell_is_not_known() -> None:
    """Neither page is there."""
    server = fake.fake_sglang()
    del server.pages["/model_info"], server.pages["/server_info"]
    async with sglang(server) as engine:
        assert await engine.describe() == Description(models=("ko-1b",), context_length=4096, adapters=("law",))


async def test_an_adapter_that_cannot_be_loaded_says_why() -> None:
    """In the words of the engine."""
    async with sglang(fake.fake_sglang(refusal(400, fake.NOT_LOADED))) as engine:
        with pytest.raises(InvalidField) as caught:
            await engine.load_adapter("law", "/adapters/law")
    assert "No such file" in caught.value.public_message
