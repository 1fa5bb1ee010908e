"""Routes and profiles over a real engine: what it really writes as log-probabilities, seeds and usage."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

import soban.v1 as pb
from integration.generation.conftest import BUNDLED
from integration.generation.engines import Service, ask
from soban.generation.component import Generation
from soban.generation.settings import GenerationSettings
from soban.runtime.config import make_config
from soban.runtime.server import running
from soban.runtime.telemetry import Telemetry

FILE: dict[str, Any] = {
    "models": {"ko": {"url": BUNDLED, "parallel": 4}},
    "profiles": {"short": {"model": "ko", "sampling": {"max_tokens": 3, "temperature": 0}}},
    "routes": {
        "never-sure": {"cascade": {"models": ["short", "ko"], "escalate": {"meanLogprob": 0, "truncated": False}}},
        "always-sure": {"cascade": {"models": ["ko", "short"], "escalate": {"meanLogprob": -1e6}}},
        "cut-off": {"cascade": ["short", "ko"]},
        "votes": {"vote": {"models": ["ko"], "samples": 3}},
        "trial": {"split": {"ko": 1, "short": 1}},
        "all": {"fallback": ["never-sure", "ko"]},
    },
}


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Service]:
    settings = GenerationSettings(port=0, longest_stream_seconds=120)
    component = Generation(make_config(FILE), settings, Telemetry.noop())
    async with (
        running(component, settings, grace=0.0) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        yield Service(component, pb.GenerationServiceStub(channel))


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving() as made:
        yield made


def to(name: str, text: str = "배고파", session: str = "", **options: Any) -> pb.GenerateRequest:
    request = ask(text, **{"temperature": 0, "max_tokens": 24, **options})
    request.model, request.session = name, session
    return request


def steps(answer: pb.GenerateResponse) -> list[tuple[str, str]]:
    return [(step.model, step.outcome) for step in answer.summary.route_steps]


async def test_cascades_by_the_engines_own_log_probabilities(service: Service) -> None:
    """Nothing is as sure as 0, everything is surer than minus a million; the client sees none of them."""
    plain = await service.generate(to("ko"))
    unsure, sure = await service.generate(to("never-sure")), await service.generate(to("always-sure"))
    assert steps(unsure) == [("short", "low_confidence"), ("ko", "accepted")]
    assert steps(sure) == [("ko", "accepted")]
    assert unsure.choices[0].text == sure.choices[0].text == plain.choices[0].text
    assert not sure.choices[0].logprobs
    wanted = await service.generate(to("always-sure", logprobs=True))
    assert len(wanted.choices[0].logprobs) >= wanted.summary.usage.output_tokens - 1
    for answer in (unsure, sure):
        told = answer.summary.usage
        assert told.output_tokens == sum(step.usage.output_tokens for step in answer.summary.route_steps)


async def test_a_limit_of_the_profiles_own_escalates(service: Service) -> None:
    """One of the request's does not."""
    request = to("cut-off")
    request.options.ClearField("max_tokens")
    assert steps(await service.generate(request)) == [("short", "truncated"), ("ko", "accepted")]
    assert steps(await service.generate(to("cut-off", max_tokens=3))) == [("short", "accepted")]


async def test_votes_with_seeds_are_the_same_each_time(service: Service) -> None:
    """Though the samples differ; each is a request that is counted."""
    one, two = [await service.generate(to("votes", "오늘 날씨 어때?", seed=7)) for _ in range(2)]
    assert one.choices[0].text == two.choices[0].text
    assert len(one.summary.route_steps) == 3
    assert one.summary.usage.input_tokens == sum(step.usage.input_tokens for step in one.summary.route_steps)


async def test_a_session_stays_on_its_side_of_a_split(service: Service) -> None:
    """And both sides have sessions."""
    sides = {f"손님-{number}": set[str]() for number in range(12)}
    for _ in range(2):
        for session, models in sides.items():
            models.add((await service.generate(to("trial", session=session, max_tokens=1))).model)
    assert all(len(models) == 1 for models in sides.values())
    assert set().union(*sides.values()) == {"ko", "short"}


async def test_a_route_of_a_route_streams_its_last_model(service: Service) -> None:
    """One start, pieces, one finish, and all steps in the summary."""
    events = await service.stream(to("all"))
    kinds = [event.WhichOneof("event") for event in events]
    assert (kinds[0], kinds[-2:], kinds.count("finish")) == ("start", ["finish", "summary"], 1)
    assert events[0].start.model == "ko"
    told = [(step.model, step.outcome) for step in events[-1].summary.route_steps]
    assert told == [("short", "low_confidence"), ("ko", "accepted"), ("never-sure", "accepted")]
