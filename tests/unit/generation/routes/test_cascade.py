"""Cascade: when the small model's answer is taken, and when the large one is asked."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.choices import ChoiceEvent
from soban.generation.engine import Finished, Piece, Usage
from soban.generation.routes.cascade import Cascade
from soban.generation.routes.escalation import Escalation
from soban.generation.target import Visit
from soban.runtime.errors import EngineLost, InvalidField, NoReplica, NotBuilt, QueueFull, SobanError
from soban.runtime.route_settings import EscalateConfig
from unit.generation.routes.targets import FakeTarget, Step, answer, ask, called, card, said

LARGE = "서울의 인구는 약 940만 명입니다."
TOOL = pb.Tool(name="weather")
LENGTH = pb.FINISH_REASON_LENGTH


def route(*members: FakeTarget, **escalate: Any) -> Cascade:
    return Cascade(card("cascade"), members, Escalation(EscalateConfig(**escalate)))


def pair(*small: Step) -> tuple[FakeTarget, FakeTarget]:
    return FakeTarget("small", small), FakeTarget("large", said(LARGE))


async def test_a_good_answer_of_the_small_model_is_taken() -> None:
    """Held until it is whole, then in one piece, with its own tokens."""
    small, large = pair(*said("약 ", "940만 ", "명입니다."))
    seen = await answer(route(small, large), ask())
    assert (seen.model, seen.text(), seen.steps) == ("small", "약 940만 명입니다.", [("small", "accepted")])
    assert [piece.tokens for piece in seen.pieces] == [6]
    assert not large.asked


@pytest.mark.parametrize(
    ("small", "escalate", "outcome"),
    [
        (said("죄송하지만 ", "도와드릴 수 없습니다."), {}, "refusal"),
        (said("940만 명입니다.", logprob=-1.2), {"mean_logprob": -0.8}, "low_confidence"),
        (said("940만 명입니다.", logprob=float("nan")), {"mean_logprob": -0.8}, "low_confidence"),
        (said("940만 명입니다."), {"mean_logprob": -0.8}, "low_confidence"),
        (said(" \n"), {}, "short"),
        (said("네"), {"min_characters": 5}, "short"),
        (said("서울의 인구는", reason=LENGTH), {}, "truncated"),
        (said("About 9.4 million."), {"language": "ko"}, "language"),
        (said("약 940만 명으로 추정됩니다."), {"pattern": "추정|아마"}, "pattern"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_poor_answer_escalates(small: list[Step], escalate: dict[str, Any], outcome: str) -> None:
    """Nothing of it is shown but its step, whose tokens count."""
    seen = await answer(route(*pair(*small), **escalate), ask())
    assert (seen.model, seen.text()) == ("large", LARGE)
    assert seen.steps == [("small", outcome), ("large", "accepted")]
    usage = seen.visit.record.usage
    assert usage.output_tokens == sum(step.usage.output_tokens for step in seen.visit.record.steps)
    assert usage.input_tokens == 10


@pytest.mark.parametrize(
    ("small", "escalate"),
    [
        (said("죄송하지만 도와드릴 수 없습니다."), {"refusal": False}),
        (said("940만 명입니다.", logprob=-0.5), {"mean_logprob": -0.5}),
        (said("서울의 인구는", reason=LENGTH), {"truncated": False}),
        (said(""), {"min_characters": 0}),
        (said("42"), {"language": "ko"}),
    ],
)
async def test_a_test_that_is_not_made_or_passed_escalates_nothing(small: list[Step], escalate: dict[str, Any]) -> None:
    """A value that is met exactly passes."""
    assert (await answer(route(*pair(*small), **escalate), ask())).model == "small"


async def test_a_limit_of_the_clients_own_is_no_truncation() -> None:
    """It got what it asked for; less than that is the context's end."""
    cut = said("서울의 인구는", reason=LENGTH, tokens=4)
    assert (await answer(route(*pair(*cut)), ask(max_tokens=4))).model == "small"
    assert (await answer(route(*pair(*cut)), ask(max_tokens=400))).model == "large"


async def test_keys_of_json_are_no_english() -> None:
    """A shape that is asked for has no language."""
    shape = pb.ResponseFormat(json_object=pb.ResponseFormat.JsonObject())
    cascade = route(*pair(*said('{"population": 9400000}')), language="ko")
    assert (await answer(cascade, ask(response_format=shape))).model == "small"


async def test_a_refusal_is_left_as_soon_as_it_is_seen() -> None:
    """The rest would never come, and its engine is free."""
    small, large = pair(*said("죄송하지만 답변할 수 없습니다.")[:1], asyncio.Event())
    seen = await answer(route(small, large), ask())
    assert (seen.model, small.left) == ("large", 1)
    assert seen.visit.record.steps[0].usage.output_tokens == 2


async def test_an_unsure_answer_is_left_early() -> None:
    """After so many tokens; 0 waits for all of them."""
    unsure, *rest = said("아마 ", "940만", "명이고, 확실합니다.", logprob=-3.0)
    sure = said("네, 맞습니다.", logprob=-0.01, tokens=100)
    seen = await answer(route(*pair(unsure, *rest[:1], asyncio.Event()), mean_logprob=-1, early_tokens=4), ask())
    assert seen.steps[0] == ("small", "low_confidence")
    patient = route(*pair(unsure, *rest[:2], *sure), mean_logprob=-1, early_tokens=0)
    assert (await answer(patient, ask())).model == "small"


async def test_log_probabilities_are_asked_for_and_kept_from_clients_that_did_not() -> None:
    """Those that did get them."""
    small, large = pair(*said("940만 명입니다.", logprob=-0.1))
    seen = await answer(route(small, large, mean_logprob=-1), ask())
    assert small.asked[0].options.logprobs
    assert [piece.logprobs for piece in seen.pieces] == [[]]
    seen = await answer(route(small, large, mean_logprob=-1), ask(logprobs=True))
    assert [len(piece.logprobs) for piece in seen.pieces] == [2]
    plain = await answer(route(small, large), ask())
    assert not small.asked[-1].options.logprobs
    assert plain.model == "small"


async def test_the_last_model_is_asked_as_the_client_asked_and_streams() -> None:
    """Piece by piece, without log-probabilities that nobody wanted."""
    small = FakeTarget("small", said("모르겠습니다."))
    large = FakeTarget("large", said("약 ", "940만 ", "명입니다."))
    seen = await answer(route(small, large, mean_logprob=-1), ask())
    assert len(seen.pieces) == 3
    assert not large.asked[0].options.logprobs


async def test_an_answer_that_is_good_so_far_is_streamed_from_then_on() -> None:
    """What was held comes in one piece, the rest as it is written, and stands whatever it is."""
    gate = asyncio.Event()
    begin = said("서울의 인구는 ", "약 940만 명이고, ", logprob=-0.1)[:2]
    end = said("더는 모르겠습니다.", logprob=-9.0)
    small, large = pair(*begin, gate, *end)
    cascade = route(small, large, mean_logprob=-1, commit_tokens=4)
    async with aclosing(cascade.generate(ask(), Visit())) as events:
        seen = [await anext(events), await anext(events)]
        gate.set()
        seen += [item async for item in events]
    texts = [item.event.text for item in seen if isinstance(item.event, Piece)]
    assert texts == ["서울의 인구는 약 940만 명이고, ", "더는 모르겠습니다."]
    assert all(not item.event.logprobs for item in seen if isinstance(item.event, Piece))
    assert not large.asked


async def test_an_answer_that_breaks_after_it_was_shown_passes_its_error() -> None:
    """As with any model."""
    small, large = pair(*said("서울의 인구는 ")[:1], EngineLost("it died"))
    seen = await answer(route(small, large, commit_tokens=2), ask())
    assert isinstance(seen.error, EngineLost)
    assert seen.steps == [("small", "error:ENGINE_LOST")]


@pytest.mark.parametrize("error", [EngineLost("x"), NotBuilt("no logprobs"), QueueFull("x"), InvalidField("x")])
async def test_errors_of_the_small_model_escalate(error: SobanError) -> None:
    """Even after text, none of which was shown; whether the request is at fault is for the last one to say."""
    seen = await answer(route(*pair(*said("약 ")[:1], error)), ask())
    assert (seen.model, seen.text(), seen.steps[0]) == ("large", LARGE, ("small", f"error:{error.reason}"))


async def test_a_small_model_that_cannot_tell_its_confidence_is_seen_in_the_steps() -> None:
    """Rather than trusted unseen."""
    small, large = pair()
    small.refuses = NotBuilt("logprobs")
    seen = await answer(route(small, large, mean_logprob=-1), ask())
    assert seen.steps == [("small", "error:NOT_BUILT"), ("large", "accepted")]


async def test_a_small_model_that_is_down_is_passed_over() -> None:
    """Nobody waits for it while the large one is there."""
    small = FakeTarget("small", state=pb.Model.STATE_UNAVAILABLE)
    seen = await answer(route(small, FakeTarget("large", said(LARGE))), ask())
    assert seen.steps == [("small", "not_ready"), ("large", "accepted")]
    assert not small.asked


async def test_a_small_model_that_hangs_leaves_time() -> None:
    """Its share of it."""
    small, large = pair(asyncio.Event())
    seen = await answer(route(small, large), ask(), seconds=1)
    assert seen.steps[0] == ("small", "error:DEADLINE_EXCEEDED")
    assert small.left == 1


async def test_three_models() -> None:
    """Each asked once, until one is good enough."""
    members = [FakeTarget(name, said("모르겠습니다.")) for name in ("a", "b")]
    seen = await answer(route(*members, FakeTarget("c", said(LARGE))), ask())
    assert seen.steps == [("a", "refusal"), ("b", "refusal"), ("c", "accepted")]


async def test_the_last_answer_stands_whatever_it_is() -> None:
    """And so does its error."""
    last = FakeTarget("large", said("잘 모르겠습니다."))
    assert (await answer(route(FakeTarget("small", said("")), last), ask())).text() == "잘 모르겠습니다."
    broken = FakeTarget("large", [NoReplica("none")])
    seen = await answer(route(FakeTarget("small", said("")), broken), ask())
    assert isinstance(seen.error, NoReplica)
    assert seen.steps == [("small", "short"), ("large", "error:NO_REPLICA")]


@pytest.mark.parametrize(
    ("name", "arguments", "model"),
    [
        ("weather", '{"city": "서울"}', "small"),
        ("weather", "", "small"),
        ("weather", '{"city": ', "large"),
        ("weather", '["서울"]', "large"),
        ("날씨", "{}", "large"),
    ],
)
async def test_tool_calls_are_taken_if_they_can_be_made(name: str, arguments: str, model: str) -> None:
    """A tool that there is, with a JSON object; tests of texts do not apply."""
    cascade = route(*pair(*called(name, arguments)), mean_logprob=-0.5, min_characters=10)
    seen = await answer(cascade, ask(tools=[TOOL]))
    assert seen.model == model
    if model == "small":
        assert [call.name for piece in seen.pieces for call in piece.tool_calls] == ["weather"]


async def test_several_choices_come_from_one_model() -> None:
    """One that fails is enough to ask the next for all of them."""
    good = FakeTarget("small", said("약 940만 명입니다."))
    seen = await answer(route(good, FakeTarget("large")), ask(n=3))
    assert (seen.model, seen.ends) == ("small", [0, 1, 2])
    end = Finished(pb.FINISH_REASON_STOP, Usage(5, 2))
    half = [ChoiceEvent(0, Piece("940만", tokens=2)), ChoiceEvent(1, Piece("모르겠어요", tokens=2)), end]
    seen = await answer(route(FakeTarget("small", half), FakeTarget("large", said(LARGE))), ask(n=2))
    assert (seen.model, seen.ends, seen.steps[0]) == ("large", [0, 1], ("small", "refusal"))


async def test_what_the_last_model_can_never_answer_is_refused() -> None:
    """What only a small one refuses is not."""
    small, large = pair()
    small.refuses = NotBuilt("tools")
    route(small, large).check(ask())
    large.refuses = NotBuilt("tools")
    with pytest.raises(NotBuilt):
        route(small, large).check(ask())


async def test_a_route_is_as_ready_as_its_last_model() -> None:
    """Which has to answer what the others do not."""
    told = await route(FakeTarget("small"), FakeTarget("large", state=pb.Model.STATE_LOADING)).model()
    assert (told.state, told.route_strategy) == (pb.Model.STATE_LOADING, "cascade")
