"""Domain profiles: one model under a name of its own."""

from __future__ import annotations

from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.component import Generation
from soban.generation.engine import Feature
from soban.generation.engines.kinds import KINDS
from soban.generation.prompt import Preparation, under_profile
from soban.generation.settings import GenerationSettings
from soban.runtime.config import ConfigError, make_config
from soban.runtime.model_settings import WITHOUT_ADAPTERS, ModelConfig, ProfileConfig
from soban.runtime.telemetry import Telemetry
from unit.generation.conftest import ask, user

LAW = "너는 법률 정보를 쉬운 말로 설명하는 도우미다. 법률 자문은 하지 않는다."


def prepared(request: pb.GenerateRequest, profile: dict[str, Any], **model: Any) -> pb.GenerateRequest:
    config = under_profile(ModelConfig(url="m.gguf", **model), ProfileConfig(model="ko", **profile))
    return Preparation("profiles.law", config).prepare(request).request


def test_a_profiles_instructions_stand_in_place_of_the_models() -> None:
    """None keeps the model's, an empty text takes them away."""
    own = {"system_prompt": "짧게 답해."}
    assert prepared(ask(), {"system_prompt": LAW}, **own).messages[0].parts[0].text == LAW
    assert prepared(ask(), {}, **own).messages[0].parts[0].text == "짧게 답해."
    assert prepared(ask(), {"system_prompt": ""}, **own).messages[0].role == pb.ROLE_USER


def test_a_conversation_that_brings_instructions_keeps_them() -> None:
    """As with a model."""
    own = pb.Message(role=pb.ROLE_SYSTEM, parts=[pb.ContentPart(text="반말로 답해.")])
    request = pb.GenerateRequest(model="law", messages=[own, user("보증금을 못 받았어요.")])
    assert [message.parts[0].text for message in prepared(request, {"system_prompt": LAW}).messages] == [
        "반말로 답해.",
        "보증금을 못 받았어요.",
    ]


def test_a_profiles_sampling_goes_over_the_models() -> None:
    """And a request's over both."""
    options = prepared(
        ask(top_k=5),
        {"sampling": {"temperature": 0.25, "top_k": 40}},
        sampling={"temperature": 0.75, "max_tokens": 300},
    ).options
    assert (options.temperature, options.max_tokens, options.top_k) == (0.25, 300, 5)


@pytest.mark.parametrize(
    ("sampling", "path"),
    [({"temprature": 1}, "profiles.law.sampling.temprature"), ({"top_p": 2}, "profiles.law.sampling")],
)
def test_sampling_that_cannot_be_is_refused_before_anything_starts(sampling: dict[str, float], path: str) -> None:
    """Under the profile's own path."""
    config = make_config({"profiles": {"law": {"model": "soban-demo", "sampling": sampling}}})
    with pytest.raises(ConfigError) as caught:
        Generation(config, GenerationSettings(), Telemetry.noop())
    assert caught.value.path == path


def test_adapters_are_refused_for_engines_that_have_none() -> None:
    """By what the adapters to the engines say of themselves."""
    assert {name for name, kind in KINDS.items() if Feature.ADAPTERS not in kind.features} <= WITHOUT_ADAPTERS
    assert not any(Feature.ADAPTERS in kind.features for name, kind in KINDS.items() if name in WITHOUT_ADAPTERS)
    with pytest.raises(ConfigError, match="no LoRA adapters"):
        make_config(
            {"models": {"ov": {"url": "x", "engine": "openvino", "address": "http://h:1", "adapters": {"a": ""}}}}
        )
