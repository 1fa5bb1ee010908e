"""Routes over routes: whatever the members do, the caller sees one answer or one error, and all is counted."""

from __future__ import annotations

from random import Random
from typing import Any

import yaml
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

import soban.v1 as pb
from soban.generation.engine import Finished, Started
from soban.generation.routes.building import make_routes
from soban.generation.target import Target
from soban.runtime.config import make_config
from soban.runtime.errors import ContextOverflow, EngineLost, InvalidField, NotBuilt, QueueFull
from unit.generation.routes.targets import Answered, FakeTarget, Step, answer, ask, said

BY_INDEX = "abcd"

steps = st.sampled_from(["서울", "은 ", "수도입니다. ", "모르겠습니다. ", "Seoul ", ""])
errors = st.sampled_from([EngineLost("x"), QueueFull("x"), NotBuilt("x"), ContextOverflow("x"), InvalidField("x")])
states = st.sampled_from([pb.Model.STATE_READY, pb.Model.STATE_UNAVAILABLE, pb.Model.STATE_SLEEPING])


@st.composite
def plays(draw: Any) -> list[Step]:
    """An answer that ends, or breaks somewhere."""
    whole = said(*draw(st.lists(steps, max_size=4)), logprob=draw(st.sampled_from([None, -0.1, -3.0])))
    if draw(st.booleans()):
        return whole
    return [*whole[: draw(st.integers(0, len(whole) - 1))], draw(errors)]


@st.composite
def strategies(draw: Any, members: list[str]) -> dict[str, Any]:
    """A route over some of the members."""
    chosen = draw(st.lists(st.sampled_from(members), min_size=1, max_size=3, unique=True))
    cascade = {"models": chosen, "escalate": {"meanLogprob": -1.0, "language": "ko"}}
    if draw(st.booleans()):
        cascade["escalate"]["commitTokens"] = 2
    return draw(
        st.sampled_from(
            [
                {"fallback": chosen},
                {"cascade": cascade},
                {"vote": {"models": chosen, "samples": 2}},
                {"split": {name: float(index + 1) for index, name in enumerate(chosen)}},
            ]
        )
    )


@st.composite
def houses(draw: Any) -> tuple[dict[str, FakeTarget], Target]:
    """Four models, and a route over them and over other routes."""
    models = {name: FakeTarget(name, draw(plays()), state=draw(states)) for name in BY_INDEX}
    routes: dict[str, Any] = {}
    for name in ("r0", "r1", "r2"):
        routes[name] = draw(strategies([*BY_INDEX, *routes]))
    data = {"models": {name: {"url": "m.gguf"} for name in models}, "routes": routes}
    made = make_routes(make_config(data).names, models, Timestamp(), Random(7).random)
    return models, made["r2"]


def is_well_formed(seen: Answered, choices: int) -> bool:
    """One start, first; after it as many ends as choices, or an error."""
    starts = [number for number, item in enumerate(seen.events) if isinstance(item.event, Started)]
    ends = [item.choice for item in seen.events if isinstance(item.event, Finished)]
    if seen.error is not None:
        return starts in ([], [0]) and len(set(ends)) == len(ends)
    return starts == [0] and sorted(ends) == list(range(choices))


@settings(max_examples=250, deadline=None)
@given(houses(), st.booleans())
async def test_any_house_of_routes(house: tuple[dict[str, FakeTarget], Target], wants_logprobs: bool) -> None:
    """One answer, told once, by one model that said just that; every token of every model counted."""
    models, route = house
    seen = await answer(route, ask(logprobs=wants_logprobs))
    assert is_well_formed(seen, 1)
    asked = sum(len(model.asked) for model in models.values())
    assert sum(model.left for model in models.values()) == asked
    used, steps = seen.visit.record.usage, seen.visit.record.steps
    assert used.input_tokens == 5 * asked
    assert used.input_tokens == sum(step.usage.input_tokens for step in steps)
    assert used.output_tokens == sum(step.usage.output_tokens for step in steps)
    assert wants_logprobs or not any(piece.logprobs for piece in seen.pieces)
    if seen.error is None:
        assert steps
        told = "".join(step.text for step in models[seen.model].plays[0] if hasattr(step, "text"))
        assert seen.text() == told


@settings(max_examples=100, deadline=None)
@given(st.lists(plays(), min_size=2, max_size=2), st.sampled_from(["fallback", "cascade"]))
async def test_several_choices(both: list[list[Step]], strategy: str) -> None:
    """One start, and one end for each."""
    models = {name: FakeTarget(name, play) for name, play in zip("ab", both, strict=True)}
    data = {"models": {name: {"url": "m.gguf"} for name in models}, "routes": {"r": {strategy: ["a", "b"]}}}
    route = make_routes(make_config(data).names, models, Timestamp())["r"]
    assert is_well_formed(await answer(route, ask(n=3)), 3)


async def test_routes_are_built_over_profiles_and_other_routes_in_any_order() -> None:
    """Each once; steps of an inner route stand before its own, which has no usage of its own."""
    config = make_config(
        yaml.safe_load(
            """
models: {small: {url: s.gguf}, large: {url: l.gguf}}
profiles: {law: {model: large, systemPrompt: 존댓말로 답해.}}
routes:
  outer: {fallback: [inner, small], safetyPolicy: strict}
  inner: {cascade: [small, law]}
"""
        )
    )
    targets = {
        "small": FakeTarget("small", said("모르겠습니다.")),
        "large": FakeTarget("large"),
        "law": FakeTarget("law", said("민법 제750조입니다.")),
    }
    routes = make_routes(config.names, targets, Timestamp())
    assert set(routes) == {"outer", "inner"}
    seen = await answer(routes["outer"], ask())
    assert (seen.model, seen.steps) == ("law", [("small", "refusal"), ("law", "accepted"), ("inner", "accepted")])
    assert [step.HasField("usage") for step in seen.visit.record.steps] == [True, True, False]
    told = await routes["outer"].model()
    assert (told.safety_policy, list(told.route_models)) == ("strict", ["inner", "small"])
    assert (await routes["inner"].model()).route_strategy == "cascade"


async def test_a_routes_answer_has_no_speed() -> None:
    """Its tokens were written by several models, and some before its first text left."""
    record = (await answer(FakeTarget("a", said("서울은 ", "수도입니다.")), ask())).visit.record
    record.output()
    record.output()
    assert record.seconds_per_token is not None
    record.steps.append(pb.RouteStep(model="a", outcome="accepted"))
    assert record.seconds_per_token is None
