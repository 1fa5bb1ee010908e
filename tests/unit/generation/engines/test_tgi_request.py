"""What a TGI is sent: values that mean "off" are left out, and no randomness is none on every backend."""

from __future__ import annotations

import json
from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.engine import EngineRequest
from soban.generation.engines.tgi_info import info_of
from soban.generation.engines.tgi_request import chat_body, native_body
from soban.runtime.errors import EngineFailed, InvalidField
from unit.generation.conftest import ask
from unit.generation.engines.fakes.tgi import FakeTgi
from unit.generation.engines.tgi_adapter import fake

ALWAYS = {"details": True, "return_full_text": False, "max_new_tokens": 10}
SAMPLED = {**ALWAYS, "do_sample": True}


def parameters(backend: str = "python", seed: int | None = None, adapter: str = "", **options: Any) -> dict[str, Any]:
    asked = EngineRequest(ask(**options), seed, adapter)
    body = native_body(asked, "밥", 10, info_of(fake(backend=backend).info()))
    assert body["inputs"] == "밥"
    given: dict[str, Any] = body["parameters"]
    return given


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, SAMPLED),
        ({"temperature": 0.5, "top_k": 40}, {**SAMPLED, "temperature": 0.5, "top_k": 40}),
        ({"temperature": 1.0, "top_p": 1.0, "top_k": 0}, {**SAMPLED, "temperature": 1.0}),
        ({"top_p": 0.5}, {**SAMPLED, "top_p": 0.5}),
        ({"temperature": 0.0, "top_p": 0.5, "top_k": 3}, {**ALWAYS, "do_sample": False}),
        ({"frequency_penalty": 0.5}, {**SAMPLED, "frequency_penalty": 0.5}),
        ({"repetition_penalty": 1.25}, {**SAMPLED, "repetition_penalty": 1.25}),
        ({"logprobs": True, "top_logprobs": 5}, {**SAMPLED, "top_n_tokens": 5}),
        ({"logprobs": True}, SAMPLED),
        ({"stop": ["끝"]}, SAMPLED),
        ({"presence_penalty": 0.0}, SAMPLED),
        (
            {"response_format": pb.ResponseFormat(regex="[가-힣]+")},
            {**SAMPLED, "grammar": {"type": "regex", "value": "[가-힣]+"}},
        ),
        (
            {"response_format": pb.ResponseFormat(json_schema='{"type": "object"}')},
            {**SAMPLED, "grammar": {"type": "json", "value": {"type": "object"}}},
        ),
    ],
)
def test_options_as_parameters(options: dict[str, Any], expected: dict[str, Any]) -> None:
    """Numbers that say what TGI does anyway stay here, and so do stop texts."""
    assert parameters(**options) == expected


def test_seed_and_adapter() -> None:
    """Seeds stay below the one that the llama.cpp backend takes for random, and above 0."""
    assert parameters(seed=7, adapter="law") == {**SAMPLED, "seed": 7, "adapter_id": "law"}
    assert parameters(seed=2**32 - 1)["seed"] == 0
    assert parameters(seed=-1)["seed"] == 2**32 - 2


def test_no_randomness_on_the_llamacpp_backend() -> None:
    """It reads no `do_sample`; penalties come after its `top_k`, where one candidate is left."""
    assert parameters("llamacpp", temperature=0.0) == {**ALWAYS, "do_sample": False, "top_k": 1}
    penalized = parameters("llamacpp", temperature=0.0, repetition_penalty=1.25)
    assert penalized == {**SAMPLED, "temperature": 1e-5, "repetition_penalty": 1.25}
    assert "top_k" not in parameters("llamacpp", temperature=0.5)


def test_shapes_in_a_chat() -> None:
    """In TGI's words rather than OpenAI's."""
    request = ask(response_format=pb.ResponseFormat(regex="[가-힣]+"), presence_penalty=0.0, max_tokens=5)
    body = chat_body(EngineRequest(request), info_of(fake().info()))
    assert body["response_format"] == {"type": "regex", "value": "[가-힣]+"}
    assert "presence_penalty" not in body
    assert body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("schema", ["{", "[]"])
def test_a_schema_that_is_none_is_refused(schema: str) -> None:
    """With its field."""
    with pytest.raises(InvalidField) as caught:
        parameters(response_format=pb.ResponseFormat(json_schema=schema))
    assert caught.value.field == "options.response_format.json_schema"


def test_limits_by_their_older_names() -> None:
    """TGI 1 and 2 say `max_input_length`."""
    told = fake().info()
    told["max_input_length"] = told.pop("max_input_tokens")
    assert info_of(told).input_tokens == 200
    assert info_of({**told, "max_total_tokens": None}).room(ask(), 100) is None


@pytest.mark.parametrize("told", [{}, {"model_id": 3}, {"model_id": "m"}, {"data": []}])
def test_a_page_of_something_else_is_no_info(told: dict[str, Any]) -> None:
    """Other servers have an `/info`, too."""
    with pytest.raises(EngineFailed):
        info_of(told)


def test_the_fake_is_as_strict_as_tgi() -> None:
    """What the adapter leaves out would be refused."""
    for given in ({"temperature": 0.0}, {"top_p": 1.0}, {"top_k": 0}, {"stop": ["끝"]}, {"max_new_tokens": 0}):
        assert FakeTgi._refusal(fake(), "밥", given, 1) is not None, json.dumps(given)
