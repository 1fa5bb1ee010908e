"""One list of behaviours, through the whole generation service, for every kind of engine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

import soban.v1 as pb
from soban.generation.component import Generation
from soban.generation.engine import Engine, Feature
from soban.generation.engines.context import EngineContext
from soban.generation.engines.http import Endpoint, EngineHttp, open_session
from soban.generation.engines.kinds import KINDS, make_engine
from soban.generation.engines.pace import Pace
from soban.generation.settings import GenerationSettings
from soban.runtime.config import Config
from soban.runtime.errors import NotBuilt, from_rpc_error
from soban.runtime.model_settings import ModelConfig
from soban.runtime.server import running
from soban.runtime.settings import ConfigFile
from soban.runtime.telemetry import Telemetry
from unit.generation.conftest import ask, user
from unit.generation.engines.fakes.every import CASTS, Cast

GREETING = ("안녕", "하세요", ",", " 밥", "은", " 드셨", "어요", "?", " 🍚")

every_engine = pytest.mark.parametrize("cast", CASTS, ids=[cast.kind for cast in CASTS])


@dataclass
class Heard:
    """A streamed answer as a client has it."""

    deltas: list[pb.GenerationDelta]
    finish: pb.GenerationFinish
    summary: pb.GenerationSummary

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas)


@dataclass
class Stage:
    """The service in front of one fake engine."""

    cast: Cast
    fake: Any
    stub: Any

    def call(self, request: pb.GenerateRequest, seconds: float = 10.0) -> Any:
        return self.stub.StreamGenerate(pb.StreamGenerateRequest(generate=request), timeout=seconds)

    async def hear(self, request: pb.GenerateRequest | None = None) -> Heard:
        events = [event async for event in self.call(request or ask())]
        kinds = [event.WhichOneof("event") for event in events]
        assert [kinds[0], *kinds[-2:]] == ["start", "finish", "summary"]
        assert set(kinds[1:-2]) <= {"delta"}
        return Heard([event.delta for event in events[1:-2]], events[-2].finish, events[-1].summary)


@contextlib.asynccontextmanager
async def staged(cast: Cast, fake: Any, **config: Any) -> AsyncIterator[Stage]:
    settings = GenerationSettings(port=0, longest_stream_seconds=30, delta_interval_ms=0.0, deltas_per_second=1e9)
    async with fake.running() as url:
        given = {"engine": cast.kind, "address": url + cast.base, "hold_seconds": 5.0, **cast.config, **config}
        component = Generation(Config(ConfigFile(models={"ko": ModelConfig(**given)})), settings, Telemetry.noop())
        async with (
            running(component, settings, grace=0.0) as server,
            grpc.aio.insecure_channel(server.target) as channel,
        ):
            yield Stage(cast, fake, pb.GenerationServiceStub(channel))


@pytest.fixture(params=CASTS, ids=[cast.kind for cast in CASTS])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with staged(request.param, request.param.make()) as found:
        yield found


async def test_an_answer_streams(stage: Stage) -> None:
    """The begin while the engine still works on the rest."""
    stage.cast.hangs(stage.fake, *GREETING)
    call = stage.call(ask())
    text = ""
    async for event in call:
        text += event.delta.text
        if text.startswith("".join(GREETING)):
            break
    call.cancel()


async def test_hangul_is_whole(stage: Stage) -> None:
    """In every delta, though the engine's packets cut most characters, or its tokens do."""
    stage.cast.says(stage.fake, *GREETING)
    heard = await stage.hear()
    assert heard.text == "".join(GREETING)
    assert not any("\ufffd" in delta.text for delta in heard.deltas)
    assert heard.finish.finish_reason == pb.FINISH_REASON_STOP


async def test_usage_is_told(stage: Stage) -> None:
    """The end token counts; deltas tell of no more tokens than the summary."""
    stage.cast.says(stage.fake, *GREETING)
    heard = await stage.hear()
    assert heard.summary.usage.output_tokens == stage.cast.count(GREETING) + 1
    assert heard.summary.usage.input_tokens > 0
    assert 0 < sum(delta.tokens for delta in heard.deltas) <= heard.summary.usage.output_tokens


async def test_a_stop_text_ends_the_answer(stage: Stage) -> None:
    """It is left out, named, and the engine is told to stop."""
    stage.cast.hangs(stage.fake, *GREETING)
    heard = await stage.hear(ask(stop=["은 드"]))
    assert heard.text == "안녕하세요, 밥"
    assert (heard.finish.finish_reason, heard.finish.stop_sequence) == (pb.FINISH_REASON_STOP, "은 드")
    assert heard.summary.usage.input_tokens > 0
    await asyncio.wait_for(stage.fake.closed.wait(), 5)


async def test_the_limit_ends_the_answer_with_length(stage: Stage) -> None:
    """With the text until then."""
    stage.cast.says(stage.fake, *GREETING[:2], reason="length")
    heard = await stage.hear(ask(max_tokens=stage.cast.count(GREETING[:2])))
    assert (heard.text, heard.finish.finish_reason) == ("안녕하세요", pb.FINISH_REASON_LENGTH)


async def test_an_overloaded_engine_is_asked_again(stage: Stage) -> None:
    """The caller waits a little, and hears nothing of it."""
    stage.cast.is_full_once(stage.fake, *GREETING)
    assert (await stage.hear()).text == "".join(GREETING)


async def test_a_death_before_the_text_is_not_heard_of(stage: Stage) -> None:
    """The request is sent once more."""
    stage.cast.dies_once(stage.fake, then=GREETING)
    heard = await stage.hear()
    assert (heard.text, heard.summary.resumes) == ("".join(GREETING), 0)


async def test_a_death_in_the_text_is_resumed_or_told(stage: Stage) -> None:
    """By what the engine can: the answer goes on from where it was, or ends with an error. It never looks whole."""
    stage.cast.dies_once(stage.fake, *GREETING[:4], then=GREETING[4:])
    if Feature.CONTINUATION in KINDS[stage.cast.kind].features:
        heard = await stage.hear()
        assert (heard.text, heard.summary.resumes) == ("".join(GREETING), 1)
        assert [delta.resumed for delta in heard.deltas].count(True) == 1
        return
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.hear()
    assert from_rpc_error(caught.value).reason == "ENGINE_LOST"


async def test_cancelling_closes_the_connection_to_the_engine(stage: Stage) -> None:
    """So that it works for somebody else."""
    stage.cast.hangs(stage.fake, *GREETING)
    call = stage.call(ask())
    async for event in call:
        if event.WhichOneof("event") == "delta":
            break
    call.cancel()
    await asyncio.wait_for(stage.fake.closed.wait(), 5)


@every_engine
async def test_another_model_never_answers(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    """The operator is told what is there and what is wanted, and what to set; clients are not."""
    fake = cast.make()
    cast.other_model(fake)
    async with staged(cast, fake, hold_seconds=0.0) as stage:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stage.hear()
    error = from_rpc_error(caught.value)
    assert error.reason == "NO_REPLICA"
    assert "other" not in error.message
    told = " ".join(str(getattr(record, "why", "")) for record in caplog.records)
    assert "serves 'other" in told
    assert f"not '{cast.wanted}'; set models.ko.engineModel" in told


def test_every_kind_is_on_the_list() -> None:
    """A new one has to go through it."""
    assert [cast.kind for cast in CASTS] == list(KINDS)


def _shaped(**shape: Any) -> pb.GenerateRequest:
    return ask(response_format=pb.ResponseFormat(**shape))


_BEGUN = pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text="네, ")])
_PICTURE = pb.ContentPart(image=pb.Image(data=b"\x89PNG", media_type="image/png"))
ASKS_FOR: dict[Feature, pb.GenerateRequest] = {
    Feature.CHAT: ask(),
    Feature.COMPLETION: pb.GenerateRequest(model="ko", prompt="수도는"),
    Feature.CONTINUATION: pb.GenerateRequest(
        messages=[user("안녕"), _BEGUN], options=pb.GenerationOptions(continue_final_message=True)
    ),
    Feature.TOOLS: ask(tools=[pb.Tool(name="weather")]),
    Feature.IMAGES: pb.GenerateRequest(messages=[pb.Message(role=pb.ROLE_USER, parts=[_PICTURE])]),
    Feature.JSON_OBJECT: _shaped(json_object={}),
    Feature.JSON_SCHEMA: _shaped(json_schema='{"type":"object"}'),
    Feature.REGEX: _shaped(regex="네|아니요"),
    Feature.GRAMMAR: _shaped(grammar='root ::= "네"'),
    Feature.LOGPROBS: ask(logprobs=True),
    Feature.LOGIT_BIAS: ask(logit_bias={42: 1.0}),
    Feature.TEMPLATE_ARGUMENTS: ask(template_arguments_json='{"enable_thinking":false}'),
    Feature.IGNORE_EOS: ask(ignore_eos=True, max_tokens=5),
    Feature.MIN_P: ask(min_p=0.1),
    Feature.TOP_K: ask(top_k=5),
    Feature.REPETITION_PENALTY: ask(repetition_penalty=1.1),
}


@contextlib.asynccontextmanager
async def alone(cast: Cast) -> AsyncIterator[Engine]:
    """The adapter, which is asked nothing that its engine would have to know."""
    config = ModelConfig(engine=cast.kind, address="http://nowhere:1", **cast.config)
    async with open_session() as session:
        http = EngineHttp(session, lambda: Endpoint("http://nowhere:1"), Pace(0.0, 1e9))
        yield make_engine(cast.kind, EngineContext(http, "ko", cast.wanted, config))


@every_engine
async def test_what_a_kind_cannot_do_is_refused_and_nothing_else(cast: Cast) -> None:
    """The features that it says it has are those that its check lets through."""
    async with alone(cast) as engine:
        assert engine.support == KINDS[cast.kind].features
        for feature, request in ASKS_FOR.items():
            refused = await _refused(engine, request)
            assert refused == ([] if feature in engine.support else [feature.value, cast.kind])


async def _refused(engine: Engine, request: pb.GenerateRequest) -> Sequence[str]:
    try:
        engine.check(request)
    except NotBuilt as err:
        return [err.metadata["feature"], err.metadata["engine"]]
    return []
