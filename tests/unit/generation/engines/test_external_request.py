"""What APIs of somebody else are sent, and in which words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.engine import EngineRequest, Feature, Piece, Started
from soban.generation.engines.external import External
from soban.runtime.errors import (
    InvalidField,
    NotBuilt,
)
from soban.runtime.model_settings import ModelConfig
from unit.generation.conftest import ask, user
from unit.generation.engines.answers import adapter, end_of, events_of, text_of
from unit.generation.engines.fakes import external as fake
from unit.generation.engines.fakes.playback import Playback, refusal, stream

CONFIG = ModelConfig(
    url="external", engine="external", address="https://api.example.com/v1", engine_model=fake.MODEL, data_leaves=True
)
PICTURE = pb.ContentPart(image=pb.Image(data=b"\x89PNG", media_type="image/png"))


@contextlib.asynccontextmanager
async def external(server: Playback, model: str = fake.MODEL, **given: Any) -> AsyncIterator[External]:
    async with adapter(External, server, given.pop("config", CONFIG), model=model, base="/v1", **given) as engine:
        yield engine


async def body_of(request: pb.GenerateRequest, seed: int | None = None) -> dict[str, Any]:
    """What the API is sent."""
    server = fake.fake_external()
    async with external(server) as engine:
        engine.check(request)
        await events_of(engine, request, seed)
    return server.asked[0].body


async def test_only_what_the_reference_of_openai_has_is_sent() -> None:
    """No names of users, no stop texts, nothing of other engines."""
    options: dict[str, Any] = {"max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "stop": ["\n"], "logprobs": True}
    request = ask(**options, top_logprobs=2, logit_bias={42: -100.0}, tools=[pb.Tool(name="weather")])
    request.session, request.tenant = "s-1", "t-1"
    body = await body_of(request, seed=5)
    assert body.keys() == {
        *("model", "messages", "stream", "stream_options", "max_tokens", "temperature", "top_p", "seed"),
        *("logprobs", "top_logprobs", "logit_bias", "tools", "tool_choice"),
    }
    assert (body["model"], body["seed"], body["logit_bias"]) == (fake.MODEL, 5, {"42": -100.0})


async def test_a_schema_is_a_promise() -> None:
    """Without `strict` it is only a wish to OpenAI's models."""
    shape = pb.ResponseFormat(json_schema='{"type":"object"}')
    sent = (await body_of(ask(response_format=shape)))["response_format"]
    assert sent["json_schema"] == {"name": "answer", "schema": {"type": "object"}, "strict": True}
    assert (await body_of(ask(response_format=pb.ResponseFormat(json_object={}))))["response_format"] == {
        "type": "json_object"
    }


async def test_pictures_go_along() -> None:
    """Bytes as a data address."""
    request = pb.GenerateRequest(
        messages=[pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text="뭐가 보여?"), PICTURE])]
    )
    content = (await body_of(request))["messages"][0]["content"]
    assert content[1]["image_url"]["url"] == "data:image/png;base64,iVBORw=="


async def test_a_model_that_wants_max_completion_tokens_gets_them() -> None:
    """Asked again at once, and never in the old words after that; raw prompts have no such word."""
    server = fake.fake_external(refusal(400, fake.WANTS_COMPLETION_TOKENS), stream(fake.chat("네")))
    async with external(server) as engine:
        assert text_of(await events_of(engine, ask(max_tokens=9))) == "네"
        await events_of(engine, ask(max_tokens=9))
        await events_of(engine, pb.GenerateRequest(prompt="수도는", options=pb.GenerationOptions(max_tokens=9)))
    sent = [{key for key in asked.body if key.startswith("max")} for asked in server.asked]
    assert sent == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}, {"max_tokens"}]


async def test_an_api_without_stream_options_is_asked_without() -> None:
    """Usage is counted then."""
    server = fake.fake_external(refusal(422, fake.WANTS_NO_STREAM_OPTIONS), stream(fake.without_usage("네", ".")))
    async with external(server) as engine:
        events = await events_of(engine)
    assert end_of(events).usage.output_tokens == 2
    assert ["stream_options" in asked.body for asked in server.asked] == [True, False]


async def test_words_are_learned_before_an_answer_and_not_in_it() -> None:
    """What another request learns meanwhile makes nothing be said twice."""
    gate = asyncio.Semaphore(0)
    refused = fake.event(fake.error("no", "invalid_request_error", "invalid_value").decode())
    slow = stream(fake.ROLE, fake.delta("네"), refused.replace(b'"invalid_value"', b"400"), gate=gate)
    server = fake.fake_external(slow, refusal(400, fake.WANTS_COMPLETION_TOKENS), stream(fake.chat("네")))
    async with external(server) as engine, aclosing(engine.generate(EngineRequest(ask()))) as events:
        gate.release()
        gate.release()
        assert [await anext(events), await anext(events)] == [Started(), Piece("네", tokens=1)]
        await events_of(engine, ask(max_tokens=9))
        gate.release()
        with pytest.raises(InvalidField):
            await anext(events)
    assert len(server.asked) == 3


async def test_an_api_that_understands_nothing_is_not_asked_for_ever() -> None:
    """Each word is learned once."""
    server = fake.fake_external(refusal(400, fake.WANTS_COMPLETION_TOKENS))
    async with external(server) as engine:
        with pytest.raises(InvalidField):
            await events_of(engine, ask(max_tokens=9))
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("request_", "feature"),
    [
        (ask(top_k=5), Feature.TOP_K),
        (ask(min_p=0.1), Feature.MIN_P),
        (ask(repetition_penalty=1.2), Feature.REPETITION_PENALTY),
        (ask(ignore_eos=True), Feature.IGNORE_EOS),
        (ask(template_arguments_json='{"enable_thinking": false}'), Feature.TEMPLATE_ARGUMENTS),
        (ask(response_format=pb.ResponseFormat(regex="네|아니요")), Feature.REGEX),
        (ask(response_format=pb.ResponseFormat(grammar='root ::= "네"')), Feature.GRAMMAR),
        (
            pb.GenerateRequest(
                messages=[user("안녕"), pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text="네, ")])],
                options=pb.GenerationOptions(continue_final_message=True),
            ),
            Feature.CONTINUATION,
        ),
    ],
)
async def test_what_openai_does_not_know_is_refused_by_name(request_: pb.GenerateRequest, feature: Feature) -> None:
    """Before anything is sent: an API might pass over it in silence."""
    async with external(fake.fake_external()) as engine:
        with pytest.raises(NotBuilt) as caught:
            engine.check(request_)
    assert (caught.value.metadata["feature"], caught.value.metadata["engine"]) == (feature.value, "external")


async def test_adapters_are_refused() -> None:
    """They are models of their own there."""
    async with external(fake.fake_external()) as engine:
        with pytest.raises(NotBuilt, match="LoRA adapters"):
            async with aclosing(engine.generate(EngineRequest(ask(), adapter="law"))) as events:
                await anext(events)
        with pytest.raises(NotBuilt, match="loading LoRA"):
            await engine.load_adapter("law", "/adapters/law")
