"""The adapter to OpenVINO Model Server, against what its serializers write."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Feature, Finished, Piece, Reading, Started, Usage
from soban.runtime.errors import (
    ContextOverflow,
    EngineFailed,
    EngineLost,
    EngineOverloaded,
    InvalidField,
    NoReplica,
    NotBuilt,
    SobanError,
)
from unit.generation.conftest import ask, user
from unit.generation.engines.answers import end_of, events_of, text_of, tokens_of
from unit.generation.engines.benches import OPENVINO
from unit.generation.engines.fakes import openvino as fake
from unit.generation.engines.fakes.playback import Script, refusal, stream

openvino, body_of, error_of = OPENVINO.before, OPENVINO.body_of, OPENVINO.error_of


async def test_an_answer_begins_comes_in_pieces_and_ends() -> None:
    """With exact usage, which counts the end token."""
    async with openvino(fake.fake_openvino(stream(fake.chat("안녕", "하세요", "!")))) as engine:
        events = await events_of(engine)
    assert events[0] == Started()
    assert text_of(events) == "안녕하세요!"
    assert tokens_of(events) == 3
    assert events[-1] == Finished(pb.FINISH_REASON_STOP, Usage(35, 4))


async def test_a_piece_comes_as_soon_as_its_token() -> None:
    """Nothing waits for the next one, and the handshake is no piece."""
    gate = asyncio.Semaphore(0)
    script = stream(fake.HANDSHAKE, fake.delta("네"), fake.delta("."), gate=gate, hang=True)
    async with (
        openvino(fake.fake_openvino(script)) as engine,
        aclosing(engine.generate(EngineRequest(ask()))) as events,
    ):
        gate.release()
        assert await anext(events) == Started()
        for text in ("네", "."):
            gate.release()
            assert (await anext(events)) == Piece(text, tokens=1)


async def test_an_end_token_without_text_ends_the_answer() -> None:
    """The reason comes with an empty delta."""
    async with openvino(fake.fake_openvino(stream(fake.swallowed("네", ".")))) as engine:
        events = await events_of(engine)
    assert (text_of(events), end_of(events).reason) == ("네.", pb.FINISH_REASON_STOP)


async def test_a_prompt_goes_to_completions() -> None:
    """Its events have `text`, and another `object`."""
    server = fake.fake_openvino(stream(fake.completion(" 서울", "입니다")))
    async with openvino(server) as engine:
        events = await events_of(engine, pb.GenerateRequest(prompt="수도는"))
    assert text_of(events) == " 서울입니다"
    assert events[-1] == Finished(pb.FINISH_REASON_LENGTH, Usage(5, 2))
    assert server.asked[0].path == "/v3/completions"
    assert server.asked[0].body["prompt"] == "수도는"


async def test_reasoning_and_tool_calls_come_apart_from_the_text() -> None:
    """As its parsers write them."""
    thought = fake.HANDSHAKE + fake.delta({"reasoning_content": "생각해 "}) + fake.delta({"reasoning_content": "보면"})
    script = stream(thought + fake.TOOL_CALL)
    async with openvino(fake.fake_openvino(script)) as engine:
        events = await events_of(engine)
    pieces = [event for event in events if isinstance(event, Piece)]
    assert "".join(piece.reasoning for piece in pieces) == "생각해 보면"
    calls = [call for piece in pieces for call in piece.tool_calls]
    assert [(call.id, call.name) for call in calls if call.name] == [("a1b2c3d4e", "weather")]
    assert json.loads("".join(call.arguments for call in calls)) == {"city": "서울"}
    assert end_of(events).reason == pb.FINISH_REASON_TOOL_CALLS


async def test_the_request_is_written_in_its_words() -> None:
    """Model by name, unlimited `top_k` as -1, a seed of 32 bits, usage in the stream; stop texts stay here."""
    body = await body_of(
        ask(top_k=0, min_p=0.05, repetition_penalty=1.1, temperature=0.5, max_tokens=7, stop=["\n"], ignore_eos=True),
        seed=2**32 + 5,
    )
    assert body["model"] == fake.MODEL
    assert (body["top_k"], body["seed"], body["max_tokens"], body["ignore_eos"]) == (-1, 5, 7, True)
    assert body["stream_options"] == {"include_usage": True}
    assert body["repetition_penalty"] == pytest.approx(1.1)
    assert not {"stop", "n", "logprobs", "include_stop_str_in_output"} & body.keys()


@pytest.mark.parametrize(
    ("shape", "sent"),
    [
        ({"regex": "[가-힣]+"}, {"type": "regex", "pattern": "[가-힣]+"}),
        ({"grammar": 'root ::= "네"'}, {"type": "grammar", "grammar": 'root ::= "네"'}),
        ({"json_object": {}}, {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}),
        (
            {"json_schema": '{"type":"array"}'},
            {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "array"}}},
        ),
    ],
)
async def test_shapes_are_formats_of_a_structural_tag(shape: dict[str, Any], sent: dict[str, Any]) -> None:
    """Which has no `json_object`."""
    assert (await body_of(ask(response_format=pb.ResponseFormat(**shape))))["response_format"] == sent


async def test_without_a_configured_name_the_only_model_is_asked() -> None:
    """And it is looked up once."""
    server = fake.fake_openvino()
    async with openvino(server, model="") as engine:
        await events_of(engine)
        await events_of(engine)
    assert [asked.body["model"] for asked in server.asked] == [fake.MODEL] * 2
    assert server.looked.count("/v1/config") == 1


async def test_of_several_models_one_must_be_named() -> None:
    """The operator reads what to set."""
    server = fake.fake_openvino()
    server.pages["/v1/config"] = fake.page(fake.config(a="AVAILABLE", b="AVAILABLE", c="LOADING"))
    async with openvino(server, model="") as engine:
        with pytest.raises(EngineFailed, match="2 models: set engineModel"):
            await events_of(engine)


@pytest.mark.parametrize(
    ("request_", "feature"),
    [
        (ask(logprobs=True), Feature.LOGPROBS),
        (ask(logit_bias={3: 1.0}), Feature.LOGIT_BIAS),
        (
            pb.GenerateRequest(
                messages=[user("안녕"), pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text="네, ")])],
                options=pb.GenerationOptions(continue_final_message=True),
            ),
            Feature.CONTINUATION,
        ),
        (
            pb.GenerateRequest(
                prompt="수도는", options=pb.GenerationOptions(response_format=pb.ResponseFormat(regex="서울|부산"))
            ),
            Feature.REGEX,
        ),
    ],
)
async def test_what_it_cannot_do_is_refused_by_name(request_: pb.GenerateRequest, feature: Feature) -> None:
    """Before anything is sent."""
    async with openvino(fake.fake_openvino()) as engine:
        with pytest.raises(NotBuilt) as caught:
            engine.check(request_)
    assert (caught.value.metadata["feature"], caught.value.metadata["engine"]) == (feature.value, "openvino")


async def test_adapters_are_refused() -> None:
    """It has none for language models."""
    async with openvino(fake.fake_openvino()) as engine:
        with pytest.raises(NotBuilt, match="LoRA adapters"):
            async with aclosing(engine.generate(EngineRequest(ask(), adapter="law"))) as events:
                await anext(events)
        with pytest.raises(NotBuilt, match="loading LoRA"):
            await engine.load_adapter("law", "/adapters/law")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (fake.TOO_LONG, ContextOverflow),
        (fake.TOO_LONG_NPU, ContextOverflow),
        (fake.BAD_OPTION, InvalidField),
        (fake.BAD_TEMPLATE, InvalidField),
        (fake.CRASHED, EngineFailed),
        (fake.failure("RESOURCE_EXHAUSTED", "no more blocks"), EngineOverloaded),
        (fake.failure("CANCELLED", ""), EngineFailed),
        (fake.WRONG_PATH, EngineFailed),
        (fake.NO_MODEL, EngineFailed),
        (fake.RETIRED, EngineFailed),
        (fake.NOT_LOADED, NoReplica),
    ],
)
async def test_a_run_that_fails_says_whose_fault_it_is(body: bytes, error: type[SobanError]) -> None:
    """Though its status is 400 in all cases."""
    assert type(await error_of(refusal(400, body))) is error


async def test_a_prompt_that_is_too_long_tells_both_counts() -> None:
    """So that a client can cut it."""
    error = await error_of(refusal(400, fake.TOO_LONG))
    assert error.metadata == {"input_tokens": "4531", "context_length": "4096"}
    assert error.field == "messages"


async def test_a_refusal_quotes_what_the_model_said_and_not_its_graph() -> None:
    """Callers know no nodes and no calculators."""
    error = await error_of(refusal(400, fake.BAD_OPTION))
    assert error.public_message == "the engine refuses the request: min_p out of range [0.0, 1.0)"
    text = "max_tokens exceeds limit provided in graph config: 4000"
    error = await error_of(refusal(400, fake.failure("INVALID_ARGUMENT", text)))
    assert error.field == "options.max_tokens"


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (stream(cut=True), EngineLost),
        (stream(fake.HANDSHAKE, cut=True), EngineLost),
        (stream(fake.HANDSHAKE, fake.delta("네"), cut=True), EngineLost),
        (stream(fake.HANDSHAKE, fake.delta("네")), EngineLost),
        (stream(fake.HANDSHAKE, fake.delta("네"), fake.CRASHED), EngineLost),
        (stream(fake.HANDSHAKE, fake.delta("네"), b"data: ", fake.CRASHED, b"\n\n"), EngineFailed),
        (stream(fake.HANDSHAKE, fake.delta("네"), fake.DONE), EngineLost),
        (refusal(500, b"Internal Server Error"), EngineFailed),
        (refusal(404, b""), EngineFailed),
    ],
    ids=["no answer", "cut early", "cut late", "no end", "bare error", "error event", "done only", "500", "404"],
)
async def test_an_engine_that_breaks_is_lost_or_has_failed(script: Script, kind: type[SobanError]) -> None:
    """Never an answer that looks whole: neither at EOF, nor after an error that is no event."""
    assert type(await error_of(script)) is kind


async def test_a_silent_server_is_given_up() -> None:
    """It sends no signs of life of its own."""
    async with openvino(fake.fake_openvino(stream(fake.HANDSHAKE, hang=True)), silence=0.05) as engine:
        with pytest.raises(EngineLost, match="silent"):
            await events_of(engine)


async def test_it_describes_the_models_that_are_loaded() -> None:
    """And the version of the server, where it tells."""
    server = fake.fake_openvino()
    async with openvino(server) as engine:
        assert await engine.describe() == Description(models=(fake.MODEL,))
        server.pages["/v2"] = fake.page(b'{"name":"OpenVINO Model Server","version":"2026.1.0.abc"}')
        server.pages["/v1/config"] = fake.page(fake.config(**{"LGAI__EXAONE": "AVAILABLE", "other": "END"}))
        assert await engine.describe() == Description(models=("LGAI/EXAONE",), version="2026.1.0.abc")


@pytest.mark.parametrize(
    ("state", "healthy"), [("AVAILABLE", True), ("LOADING", False), ("LOADING_PRECONDITION_FAILED", False)]
)
async def test_health_is_whether_its_model_is_loaded(state: str, healthy: bool) -> None:
    """The server is ready also while a model has failed."""
    server = fake.fake_openvino()
    server.pages["/v1/config"] = fake.page(fake.config(OpenVINO__Model=state, other="AVAILABLE"))
    async with openvino(server, model="OpenVINO/Model") as engine:
        assert await engine.healthy() is healthy


async def test_a_server_with_other_models_is_healthy() -> None:
    """What it has instead is told by name, which a server that is away could not."""
    server = fake.fake_openvino()
    async with openvino(server, model="OpenVINO/Other") as engine:
        assert await engine.healthy()
        assert (await engine.describe()).models == (fake.MODEL,)


@pytest.mark.parametrize("path", ["/v2/health/ready", "/v1/config"])
async def test_a_server_that_answers_otherwise_is_not_healthy(path: str) -> None:
    """Starting, or something else at the address."""
    server = fake.fake_openvino()
    server.pages[path] = fake.page(b"<html>", 503)
    async with openvino(server) as engine:
        assert not await engine.healthy()


async def test_something_else_at_the_address_is_no_model_server() -> None:
    """It answers, but not like one."""
    server = fake.fake_openvino()
    server.pages["/v1/config"] = fake.page(b'{"hello":"world"}')
    async with openvino(server) as engine:
        with pytest.raises(EngineFailed, match="list its models"):
            await engine.describe()


async def test_its_load_is_read_where_it_is_told() -> None:
    """Metrics are off by default: the page is then a 400, and tells nothing rather than zero."""
    server = fake.fake_openvino()
    async with openvino(server) as engine:
        assert await engine.read_load() == Reading(running=3)
        server.pages["/metrics"] = fake.page(fake.WRONG_PATH, 400)
        assert await engine.read_load() == Reading()
