"""The adapter to TGI where no tokenizer is at hand, and for what only TGI's chat endpoint can do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.engine import EngineRequest, Feature, Finished, Piece, Usage
from soban.generation.engines.tgi import Tgi
from soban.generation.vetting import Vetting
from soban.runtime.errors import (
    ContextOverflow,
    EngineFailed,
    EngineLost,
    EngineOverloaded,
    InvalidField,
    NotBuilt,
    SobanError,
)
from unit.generation.conftest import ask, user
from unit.generation.engines.answers import end_of, events_of, raw, text_of
from unit.generation.engines.fakes import tgi_wire as wire
from unit.generation.engines.fakes.tgi import FakeTgi
from unit.generation.engines.fakes.vocabularies import BUNDLED
from unit.generation.engines.tgi_adapter import ANSWER, fake, tgi

CHAT = "/v1/chat/completions"
WEATHER = pb.Tool(
    name="weather", description="오늘 날씨", parameters_json_schema='{"type": "object", "properties": {}}'
)


async def error_of(server: FakeTgi, request: pb.GenerateRequest | None = None) -> SobanError:
    async with tgi(server, None) as engine:
        with pytest.raises(SobanError) as caught:
            await events_of(engine, request)
    return caught.value


async def test_a_chat_goes_to_the_chat_endpoint() -> None:
    """TGI renders it; its own counts are taken."""
    server = fake(backend="python")
    async with tgi(server, None) as engine:
        events = await events_of(engine)
    assert text_of(events) == ANSWER
    prompt = len(server.tokenizer.encode("<|user|>서울 날씨 어때?<|end|><|assistant|>").ids)
    assert end_of(events) == Finished(pb.FINISH_REASON_STOP, Usage(prompt, len(server.says) + 1))
    first = next(event for event in events if isinstance(event, Piece))
    assert first.input_tokens == prompt
    (body,) = server.bodies(CHAT)
    assert body["messages"] == [{"role": "user", "content": "서울 날씨 어때?"}]
    assert body["max_tokens"] == 256 - prompt


async def test_a_server_that_cannot_count_chats_is_asked_all_the_same() -> None:
    """Then its last event tells the tokens."""
    server = fake(backend="python")
    server.pages["/chat_tokenize"] = (404, b"")
    async with tgi(server, None) as engine:
        events = await events_of(engine)
    assert end_of(events).usage.input_tokens > 0
    assert "max_tokens" not in server.bodies(CHAT)[0]


@pytest.mark.parametrize("request_", [ask(), pb.GenerateRequest(prompt="밥상에는")], ids=["chat", "raw prompt"])
async def test_broken_text_is_an_error_that_names_the_mend(request_: pb.GenerateRequest) -> None:
    """An answer with holes would look like one."""
    error = await error_of(fake(), request_)
    assert isinstance(error, NotBuilt)
    assert "models.ko.tokenizer" in error.message


@pytest.mark.parametrize("request_", [ask(max_tokens=1), raw("밥상에는", max_tokens=1)], ids=["chat", "raw prompt"])
async def test_a_character_that_the_limit_cuts_is_left_out(request_: pb.GenerateRequest) -> None:
    """It is no hole: nothing follows it. With the tokenizer the same text comes."""
    for tokenizer in (None, BUNDLED):
        async with tgi(fake("뷁이다"), tokenizer) as engine:
            events = await events_of(engine, request_)
        assert text_of(events) == ""
        assert end_of(events).reason == pb.FINISH_REASON_LENGTH
        assert end_of(events).usage.output_tokens == 1


@pytest.mark.parametrize("text", ["OK 뷁", "뷁이다", "네, 좋아요."])
async def test_a_replica_without_a_tokenizer_serves_whatever_its_first_token_is(text: str) -> None:
    """And says until it is mended which texts will break."""
    async with tgi(fake(text), None) as engine:
        vetted = await Vetting("ko", None, {}).admit("a", engine)
    assert Feature.CHAT not in vetted.description.lacks


@pytest.mark.parametrize(
    ("backend", "tokenizer", "warned"), [("llamacpp", None, 1), ("llamacpp", BUNDLED, 0), ("python", None, 0)]
)
async def test_the_log_warns_of_hangul_without_a_tokenizer(
    caplog: pytest.LogCaptureFixture, backend: str, tokenizer: Path | None, warned: int
) -> None:
    """Once, and only of the backend that breaks it."""
    async with tgi(fake(backend=backend), tokenizer) as engine:
        for _ in range(2):
            await engine.describe()
    assert caplog.text.count("breaks Hangul") == warned


async def test_text_that_is_not_broken_passes() -> None:
    """English has a token for every word."""
    async with tgi(fake("OK"), None) as engine:
        assert text_of(await events_of(engine)) == "OK"


async def test_a_raw_prompt_goes_the_native_way() -> None:
    """Counted by the server's own tokenizer."""
    server = fake(backend="python")
    async with tgi(server, None) as engine:
        events = await events_of(engine, pb.GenerateRequest(prompt="밥상에는"))
    assert text_of(events) == ANSWER
    assert server.parameters["max_new_tokens"] == 256 - end_of(events).usage.input_tokens
    assert server.bodies("/tokenize")[0]["inputs"] == "밥상에는"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Model is overloaded", EngineOverloaded),
        ("Request failed during generation: CUDA out of memory", EngineFailed),
        ("Incomplete generation", EngineFailed),
        ("Template error: undefined value", InvalidField),
        ("Input validation error: `top_p` must be > 0.0 and < 1.0", InvalidField),
        ("Input validation error: `inputs` must have less than 10 tokens. Given: 40", ContextOverflow),
    ],
)
async def test_chat_streams_say_422_whatever_it_is(message: str, expected: type[SobanError]) -> None:
    """The words tell what it is; `[DONE]` follows all the same."""
    error = await error_of(fake(backend="python", fails=(0, message, "")))
    assert type(error) is expected


async def test_overload_of_a_chat() -> None:
    """As recorded: at once, inside HTTP 200."""
    server = fake(backend="python", gate=asyncio.Semaphore(0), concurrent=1)
    async with tgi(server, None) as engine:
        first = asyncio.create_task(events_of(engine))
        while not server.running_now:
            await asyncio.sleep(0.001)
        with pytest.raises(EngineOverloaded):
            await events_of(engine)
        first.cancel()


async def test_a_chat_that_just_ends_is_a_lost_engine() -> None:
    """Without `[DONE]`, and without a reason."""
    assert isinstance(await error_of(fake(backend="python", cut_after=3)), EngineLost)


async def test_stop_texts_are_found_in_chats_too() -> None:
    """With the usage as far as it was counted."""
    server = fake("네.\n질문: 뭐", backend="python", gate=asyncio.Semaphore(10**6))
    async with tgi(server, None) as engine:
        end = end_of(await events_of(engine, ask(stop=["\n질문:"])))
    assert end.stop_sequence == "\n질문:"
    assert end.usage.input_tokens > 0


@pytest.mark.parametrize(
    "options",
    [{"top_k": 5}, {"repetition_penalty": 1.2}, {"template_arguments_json": '{"thinking": true}'}],
)
async def test_what_the_chat_endpoint_has_no_words_for_is_refused(options: dict[str, Any]) -> None:
    """With a tokenizer it works."""
    error = await error_of(fake(), ask(**options))
    assert isinstance(error, NotBuilt)
    assert "models.ko.tokenizer" in error.message
    async with tgi(fake()) as engine:
        await events_of(engine, ask(**options))


async def test_continuing_needs_a_tokenizer() -> None:
    """TGI's own way to do it differs between versions."""
    assistant = pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text="먼저")])
    options = pb.GenerationOptions(continue_final_message=True)
    request = pb.GenerateRequest(messages=[user("김치찌개"), assistant], options=options)
    assert isinstance(await error_of(fake(), request), NotBuilt)


async def test_tools_need_a_backend_that_keeps_to_grammars() -> None:
    """TGI makes a grammar of them."""
    request = ask()
    request.options.tools.append(WEATHER)
    error = await error_of(fake(), request)
    assert isinstance(error, NotBuilt)
    assert error.metadata["feature"] == Feature.TOOLS.value


async def test_tools_go_to_the_chat_endpoint_even_with_a_tokenizer() -> None:
    """TGI reads the call out of the text; it says "stop" where OpenAI says "tool_calls"."""
    server = fake(backend="python")
    call = {"index": 0, "id": "0", "type": "function", "function": {"name": "weather", "arguments": '{"도시":"서울"}'}}
    delta = {
        "index": 0,
        "delta": {"role": "assistant", "tool_calls": [call]},
        "logprobs": None,
        "finish_reason": "stop",
    }
    usage = {"prompt_tokens": 40, "completion_tokens": 12, "total_tokens": 52}
    chunks = wire.event(wire.chunk("tgi", [delta])) + wire.event(wire.chunk("tgi", [], usage)) + wire.DONE
    server.pages[CHAT] = (200, chunks)
    request = ask()
    request.options.tools.append(WEATHER)
    async with tgi(server) as engine:
        events = await events_of(engine, request)
    (piece,) = [event for event in events if isinstance(event, Piece)]
    assert [(each.name, each.arguments) for each in piece.tool_calls] == [("weather", '{"도시":"서울"}')]
    assert end_of(events) == Finished(pb.FINISH_REASON_TOOL_CALLS, Usage(40, 12))


async def test_pictures_go_to_the_chat_endpoint() -> None:
    """Whose template has a place for them; counting would fetch them twice."""
    server = fake(backend="python")
    request = ask("무엇이 보여?")
    request.messages[0].parts.append(pb.ContentPart(image=pb.Image(uri="https://example.com/밥상.png")))
    async with tgi(server) as engine:
        await events_of(engine, request)
    content = server.bodies(CHAT)[0]["messages"][0]["content"]
    assert content[1] == {"type": "image_url", "image_url": {"url": "https://example.com/밥상.png"}}
    assert not server.bodies("/chat_tokenize")


@pytest.mark.parametrize(("backend", "temperature"), [("python", 0.0), ("llamacpp", 1e-5)])
async def test_no_randomness_in_chats(backend: str, temperature: float) -> None:
    """The llama.cpp backend would take 0 for 1."""
    server = fake("OK", backend=backend)
    async with tgi(server, None) as engine:
        await events_of(engine, ask(temperature=0.0, top_p=1.0))
    (body,) = server.bodies(CHAT)
    assert body["temperature"] == temperature
    assert "top_p" not in body


async def test_the_model_of_a_chat_is_its_adapter() -> None:
    """Any name but "tgi" is taken for one."""
    server = fake(backend="python")
    async with tgi(server, None) as engine:
        for adapter in ("", "law"):
            async for _ in engine.generate(EngineRequest(ask(), 5, adapter)):
                pass
    assert [body["model"] for body in server.bodies(CHAT)] == ["tgi", "law"]
    assert server.bodies(CHAT)[0]["seed"] == 5


@pytest.mark.parametrize(
    ("options", "feature"),
    [
        ({"min_p": 0.1}, "min_p"),
        ({"logit_bias": {1: 2.0}}, "logit_bias"),
        ({"ignore_eos": True}, "ignore_eos"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"response_format": pb.ResponseFormat(grammar='root ::= "네"')}, "response_format.grammar"),
        ({"response_format": {"json_object": {}}}, "response_format.json_object"),
    ],
)
async def test_what_tgi_cannot_do_is_refused_by_name(options: dict[str, Any], feature: str) -> None:
    """Before anything is sent, with a tokenizer or without."""
    for tokenizer in (None, True):
        async with tgi(fake(), **({} if tokenizer else {"tokenizer": None})) as engine:
            with pytest.raises(NotBuilt) as caught:
                engine.check(ask(**options))
        assert caught.value.metadata == {"feature": feature, "engine": "tgi"}


async def test_what_depends_on_the_tokenizer_is_no_feature_without() -> None:
    """Others ask before they have an answer continued."""
    async with tgi(fake()) as engine, tgi(fake(), None) as without:
        assert engine.support == Tgi.support
        assert Tgi.support - without.support == {Feature.CONTINUATION, Feature.TEMPLATE_ARGUMENTS}
