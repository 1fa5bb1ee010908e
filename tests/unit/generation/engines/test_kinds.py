"""The kinds of engine, and what each of them refuses by name."""

from __future__ import annotations

from importlib.resources import files
from typing import get_args

import pytest

import soban.v1 as pb
from soban.generation.engine import Feature
from soban.generation.engines.context import EngineContext
from soban.generation.engines.http import Endpoint, EngineHttp, open_session
from soban.generation.engines.kinds import KINDS, make_engine
from soban.generation.engines.pace import Pace
from soban.generation.engines.support import needed
from soban.runtime.errors import NotBuilt
from soban.runtime.model_settings import EngineKind, ModelConfig
from unit.generation.conftest import ask, user

PICTURE = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(image=pb.Image(data=b"\x89PNG", media_type="image/png"))])
BEGUN = [user("수도는?"), pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text="서울")])]

# TGI's adapter can do more with it.
TOKENIZER = str(files("soban.generation") / "bundled" / "tokenizer.json")


def shaped(**shape: object) -> pb.GenerateRequest:
    return ask(response_format=pb.ResponseFormat(**shape))  # type: ignore[arg-type]


NEEDS = {
    Feature.CHAT: ask(),
    Feature.COMPLETION: pb.GenerateRequest(prompt="수도는"),
    Feature.CONTINUATION: pb.GenerateRequest(messages=BEGUN, options=pb.GenerationOptions(continue_final_message=True)),
    Feature.TOOLS: ask(tools=[pb.Tool(name="weather")]),
    Feature.IMAGES: pb.GenerateRequest(messages=[PICTURE]),
    Feature.JSON_OBJECT: shaped(json_object=pb.ResponseFormat.JsonObject()),
    Feature.JSON_SCHEMA: shaped(json_schema='{"type": "object"}'),
    Feature.REGEX: shaped(regex="[가-힣]+"),
    Feature.GRAMMAR: shaped(grammar='root ::= "네"'),
    Feature.LOGPROBS: ask(logprobs=True),
    Feature.LOGIT_BIAS: ask(logit_bias={42: -1.0}),
    Feature.TEMPLATE_ARGUMENTS: ask(template_arguments_json='{"enable_thinking": false}'),
    Feature.IGNORE_EOS: ask(ignore_eos=True),
    Feature.MIN_P: ask(min_p=0.1),
    Feature.TOP_K: ask(top_k=40),
    Feature.REPETITION_PENALTY: ask(repetition_penalty=1.1),
}
# Not asked for by a request alone.
BESIDE = {Feature.ADAPTERS, Feature.ADAPTER_LOADING, Feature.STREAM_USAGE}


def test_every_kind_of_the_configuration_has_its_adapter() -> None:
    """And no other."""
    assert set(KINDS) == set(get_args(EngineKind))
    assert all(kind.name == name for name, kind in KINDS.items())


def test_every_feature_is_asked_for_by_some_request() -> None:
    """A new one needs a row above."""
    assert set(NEEDS) | BESIDE == set(Feature)
    assert all(feature in set(needed(request)) for feature, request in NEEDS.items())
    assert set(needed(ask(), "law")) == {Feature.CHAT, Feature.ADAPTERS}


def test_values_that_mean_none_ask_for_nothing() -> None:
    """As they are what engines without the option do."""
    assert set(needed(ask(top_k=0, min_p=0, repetition_penalty=1, temperature=0))) == {Feature.CHAT}


@pytest.mark.parametrize("name", get_args(EngineKind))
@pytest.mark.parametrize("feature", NEEDS)
async def test_a_kind_refuses_what_it_cannot_do_and_nothing_else(name: str, feature: Feature) -> None:
    """By the feature's name, before anything is sent."""
    config = ModelConfig(
        url="hf://owner/ko", engine=name, address="http://engine:8000", data_leaves=False, tokenizer=TOKENIZER
    )
    async with open_session() as session:
        http = EngineHttp(session, lambda: Endpoint("http://engine:8000"), Pace(0.0, 1e9))
        engine = make_engine(name, EngineContext(http, "ko", "ko", config))
        assert engine.support == KINDS[name].features
        if feature in engine.support:
            engine.check(NEEDS[feature])
            return
        with pytest.raises(NotBuilt) as caught:
            engine.check(NEEDS[feature])
    assert (caught.value.metadata["feature"], caught.value.metadata["engine"]) == (feature.value, name)
