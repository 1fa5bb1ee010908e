"""Profiles and routes of a running generation server, in front of fake llama.cpp servers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

import soban.v1 as pb
from soban.generation.component import Generation
from soban.generation.settings import GenerationSettings
from soban.runtime.channels import open_channel
from soban.runtime.config import ConfigError, make_config
from soban.runtime.errors import from_rpc_error
from soban.runtime.server import running
from soban.runtime.telemetry import Telemetry
from unit.generation import recorded
from unit.generation.conftest import Service, user
from unit.generation.fake_llama import FakeLlama, streaming
from unit.runtime.echo import Recorded

REFUSAL = streaming(recorded.chat("죄송하지만 ", "답변할 수 없습니다."))
ANSWER = streaming(recorded.chat("보증금은 ", "돌려받을 수 있습니다."))

NAMES: dict[str, Any] = {
    "profiles": {
        "law": {"model": "large", "systemPrompt": "법률 정보를 쉽게 설명해.", "sampling": {"temperature": 0.25}}
    },
    "routes": {
        "ko": {"cascade": ["small", "law"]},
        "vote": {"vote": {"models": ["large"], "samples": 2}},
        "sure": {"fallback": ["small", "large"]},
    },
}


@contextlib.asynccontextmanager
async def served(small: FakeLlama, large: FakeLlama, telemetry: Telemetry | None = None) -> AsyncIterator[Service]:
    """Asked through such a channel as the gateway's."""
    settings = GenerationSettings(port=0, longest_stream_seconds=30)
    async with small.running() as one, large.running() as two:
        models = {
            name: {"url": "m.gguf", "address": url, "parallel": 4, "holdSeconds": 0.1}
            for name, url in (("small", one), ("large", two))
        }
        component = Generation(make_config({"models": models, **NAMES}), settings, Telemetry.noop())
        async with (
            running(component, settings, telemetry, grace=0.0) as server,
            open_channel(server.target) as channel,
        ):
            small.requests.clear()
            large.requests.clear()
            yield Service(component, pb.GenerationServiceStub(channel))


def ask(model: str) -> pb.GenerateRequest:
    return pb.GenerateRequest(model=model, messages=[user("보증금을 못 받았어요.")])


async def generate(service: Service, model: str) -> pb.GenerateResponse:
    answer: pb.GenerateResponse = await service.stub.Generate(ask(model), timeout=10)
    return answer


def steps(summary: pb.GenerationSummary) -> list[tuple[str, str]]:
    return [(step.model, step.outcome) for step in summary.route_steps]


async def test_a_profile_answers_under_its_name() -> None:
    """With its instructions and sampling."""
    small, large = FakeLlama(), FakeLlama()
    async with served(small, large) as service:
        large.scripts = [ANSWER]
        answer = await generate(service, "law")
    assert answer.model == "law"
    (asked,) = large.requests
    assert asked["messages"][0] == {"role": "system", "content": "법률 정보를 쉽게 설명해."}
    assert asked["temperature"] == 0.25


async def test_an_escalation_is_told_in_the_summary() -> None:
    """The small model's refusal is not seen; what it used is."""
    small, large = FakeLlama(), FakeLlama()
    async with served(small, large) as service:
        small.scripts, large.scripts = [REFUSAL], [ANSWER]
        whole = await generate(service, "ko")
        events = await service.stream(ask("ko"))
    assert (whole.model, whole.choices[0].text) == ("law", "보증금은 돌려받을 수 있습니다.")
    assert steps(whole.summary) == [("small", "refusal"), ("law", "accepted")]
    assert whole.summary.usage.output_tokens == sum(step.usage.output_tokens for step in whole.summary.route_steps)
    assert [event.WhichOneof("event") for event in events if not event.HasField("delta")] == [
        "start",
        "finish",
        "summary",
    ]
    assert "".join(event.delta.text for event in events) == whole.choices[0].text
    assert events[0].start.model == "law"


async def test_a_cascade_whose_last_model_is_down_asks_the_first_one_once() -> None:
    """The gateway's channel sends nothing again: what the first one wrote would be neither seen nor paid for."""
    small, large = FakeLlama(), FakeLlama()
    large.healthy = False
    async with served(small, large) as service:
        small.scripts = [REFUSAL]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await service.stream(ask("ko"))
    assert from_rpc_error(caught.value).reason == "NO_REPLICA"
    assert len(small.requests) == 1


async def test_a_request_that_was_held_is_not_sent_again() -> None:
    """It has waited as long as the model allows."""
    small, large, recorder = FakeLlama(), FakeLlama(), Recorded()
    small.healthy = False
    async with served(small, large, recorder.telemetry) as service:
        with pytest.raises(grpc.aio.AioRpcError):
            await generate(service, "small")
    [(attributes, count)] = recorder.points()
    assert (attributes["error.type"], count) == ("NO_REPLICA", 1)


async def test_two_samples_of_one_model_are_two_requests() -> None:
    """Both counted."""
    small, large = FakeLlama(), FakeLlama()
    async with served(small, large) as service:
        large.scripts = [ANSWER]
        answer = await generate(service, "vote")
    assert [round(asked["temperature"], 3) for asked in large.requests] == [0.7, 0.7]
    assert steps(answer.summary) == [("large", "accepted"), ("large", "outvoted")]
    assert answer.summary.usage.input_tokens == 2 * 35


async def test_an_engine_that_is_away_is_not_waited_for() -> None:
    """The other one answers at once."""
    small, large = FakeLlama(), FakeLlama()
    small.healthy = False
    async with served(small, large) as service:
        answer = await generate(service, "sure")
    assert answer.model == "large"
    assert steps(answer.summary) == [("small", "not_ready"), ("large", "accepted")]
    assert not small.requests


@pytest.mark.parametrize("member", ["ov", "ov-law"])
def test_a_cascade_by_log_probabilities_that_nobody_tells_is_refused(member: str) -> None:
    """Before anything starts; the last model's are not asked for."""
    escalate = {"meanLogprob": -1}
    data: dict[str, Any] = {
        "models": {
            "ov": {"url": "x", "engine": "openvino", "address": "http://127.0.0.1:9/v3"},
            "large": {"url": "x", "engine": "vllm", "address": "http://127.0.0.1:9"},
        },
        "profiles": {"ov-law": {"model": "ov"}},
        "routes": {"ko": {"cascade": {"models": ["large", member], "escalate": escalate}}},
    }
    settings = GenerationSettings()
    Generation(make_config(data), settings, Telemetry.noop())
    data["routes"]["ko"]["cascade"]["models"] = [member, "large"]
    with pytest.raises(ConfigError, match=r"engine openvino of models\.ov tells no log-probabilities") as caught:
        Generation(make_config(data), settings, Telemetry.noop())
    assert caught.value.path == "routes.ko.cascade.escalate.meanLogprob"


async def test_all_names_are_listed() -> None:
    """Routes with what they stand for."""
    small, large = FakeLlama(), FakeLlama()
    async with served(small, large) as service:
        models = (await service.stub.ListModels(pb.ListModelsRequest(), timeout=10)).models
    assert [model.name for model in models] == ["ko", "large", "law", "small", "sure", "vote"]
    told = {model.name: model for model in models}
    assert (told["ko"].route_strategy, list(told["ko"].route_models)) == ("cascade", ["small", "law"])
    assert (told["law"].engine, told["ko"].engine) == ("llamacpp", "")
    assert {model.state for model in models} == {pb.Model.STATE_READY}
