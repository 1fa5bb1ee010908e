"""Fallback: who answers when the first cannot."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import pytest

import soban.v1 as pb
from soban.generation.routes.fallback import Fallback
from soban.generation.routes.going_on import share_of_time
from soban.generation.target import Visit
from soban.runtime.errors import (
    ContextOverflow,
    DeadlineExceeded,
    EngineFailed,
    EngineLost,
    EngineOverloaded,
    Internal,
    InvalidField,
    ModelNotFound,
    NoReplica,
    NotBuilt,
    QueueFull,
    SobanError,
)
from unit.generation.routes.targets import FakeTarget, answer, ask, card, said

SECOND = "천만 명쯤 됩니다."


def route(*members: FakeTarget, first_text_seconds: float | None = None) -> Fallback:
    return Fallback(card("fallback"), members, first_text_seconds)


async def test_the_first_answers() -> None:
    """And the second hears nothing of it."""
    first, second = FakeTarget("a", said("약 ", "940만 명입니다.")), FakeTarget("b")
    seen = await answer(route(first, second), ask())
    assert (seen.model, seen.text(), seen.steps) == ("a", "약 940만 명입니다.", [("a", "accepted")])
    assert not second.asked


@pytest.mark.parametrize(
    "error",
    [
        NoReplica("none is ready"),
        EngineLost("it died"),
        EngineFailed("the engine failed with status 500"),
        QueueFull("full"),
        EngineOverloaded("busy"),
        ModelNotFound("no such model in the engine"),
        NotBuilt("no grammar"),
        Internal("a bug"),
        ContextOverflow("too long"),
        DeadlineExceeded("cannot be met here"),
    ],
    ids=lambda error: error.reason,
)
async def test_the_second_answers_what_the_first_could_not_begin(error: SobanError) -> None:
    """With one start, which names the second, and the first's outcome in the steps."""
    seen = await answer(route(FakeTarget("a", [error]), FakeTarget("b", said(SECOND))), ask(), seconds=60)
    assert seen.error is None
    assert (seen.model, seen.text(), seen.ends) == ("b", SECOND, [0])
    assert seen.steps == [("a", f"error:{error.reason}"), ("b", "accepted")]


async def test_the_clients_own_mistake_is_told_at_once() -> None:
    """No other model would take it."""
    second = FakeTarget("b")
    seen = await answer(route(FakeTarget("a", [InvalidField("no", field="options.stop")]), second), ask())
    assert isinstance(seen.error, InvalidField)
    assert not second.asked


async def test_a_feature_that_one_model_lacks_is_asked_of_the_next() -> None:
    """Its check says so without being asked; all must refuse for the route to refuse."""
    first, second = FakeTarget("a"), FakeTarget("b", said(SECOND))
    first.refuses = InvalidField("the chat template of this model has no place for tools", field="options.tools")
    fallback = route(first, second)
    fallback.check(ask())
    assert (await answer(fallback, ask())).steps == [("a", "error:INVALID_FIELD"), ("b", "accepted")]
    assert not first.asked
    second.refuses = NotBuilt("no tools")
    with pytest.raises(InvalidField):
        fallback.check(ask())


async def test_after_text_the_error_passes() -> None:
    """The caller has seen the begin of the first's answer."""
    second = FakeTarget("b")
    seen = await answer(route(FakeTarget("a", [*said("약 940만")[:1], EngineLost("it died")]), second), ask())
    assert isinstance(seen.error, EngineLost)
    assert seen.text() == "약 940만"
    assert not second.asked


async def test_when_all_fail_the_error_that_passes_soonest_is_told() -> None:
    """A client that reads UNAVAILABLE comes again; what it can do about the first's error is nothing."""
    members = FakeTarget("a", [ModelNotFound("gone")]), FakeTarget("b", [QueueFull("full", retry_after=3)])
    seen = await answer(route(*members), ask())
    assert isinstance(seen.error, QueueFull)
    assert seen.error.retry_after == 3
    seen = await answer(route(FakeTarget("a", [ModelNotFound("gone")]), FakeTarget("b", [NotBuilt("no")])), ask())
    assert isinstance(seen.error, ModelNotFound)


async def test_a_model_that_hangs_leaves_time_for_the_next() -> None:
    """It is left after its share, and its engine is free."""
    first = FakeTarget("a", [asyncio.Event()])
    seen = await answer(route(first, FakeTarget("b", said(SECOND)), first_text_seconds=0.01), ask(), seconds=600)
    assert (seen.model, seen.steps[0]) == ("b", ("a", "error:DEADLINE_EXCEEDED"))
    assert first.left == 1


def test_without_a_setting_the_time_is_shared() -> None:
    """Half of it for the first of two; a setting bounds that further, and holds without a deadline."""
    deadline = time.monotonic() + 600
    assert 290 < (share_of_time(deadline, 2) or 0) <= 300
    assert share_of_time(deadline, 2, longest=5) == 5
    assert share_of_time(None, 2) is None
    assert share_of_time(None, 2, longest=5) == 5
    assert share_of_time(time.monotonic() - 1, 2) == 0


async def test_a_model_that_has_begun_may_take_its_time() -> None:
    """The share is for the first text only."""
    late = asyncio.Event()
    begin, *rest = said("약 ", "940만 명입니다.")
    fallback = route(FakeTarget("a", [begin, late, *rest]), FakeTarget("b"), first_text_seconds=0.05)
    asyncio.get_running_loop().call_later(0.1, late.set)
    assert (await answer(fallback, ask())).text() == "약 940만 명입니다."


async def test_nobody_is_asked_after_the_deadline() -> None:
    """The error is that of the model that was asked."""
    second = FakeTarget("b")
    seen = await answer(route(FakeTarget("a", [NoReplica("none")]), second), ask(), seconds=0)
    assert seen.error is not None
    assert not second.asked


async def test_a_model_without_a_replica_is_passed_over() -> None:
    """Rather than wait until one comes; it is asked last, in case the others fail."""
    down = FakeTarget("a", said("뒤늦은 답"), state=pb.Model.STATE_UNAVAILABLE)
    seen = await answer(route(down, FakeTarget("b", said(SECOND))), ask())
    assert seen.steps == [("a", "not_ready"), ("b", "accepted")]
    seen = await answer(route(down, FakeTarget("b", [EngineLost("it died")])), ask())
    assert seen.steps == [("a", "not_ready"), ("b", "error:ENGINE_LOST"), ("a", "accepted")]


@pytest.mark.parametrize("state", [pb.Model.STATE_SLEEPING, pb.Model.STATE_UNAVAILABLE])
async def test_a_model_that_sleeps_is_woken(state: pb.Model.State.ValueType) -> None:
    """By being asked, as is the first where all are down."""
    first, second = FakeTarget("a", state=state), FakeTarget("b", state=pb.Model.STATE_LOADING)
    assert (await answer(route(first, second), ask())).steps == [("a", "accepted")]


async def test_leaving_early_frees_the_engine() -> None:
    """And what was written counts."""
    first = FakeTarget("a", [*said("약 ")[:1], asyncio.Event()])
    visit = Visit()
    async with aclosing(route(first).generate(ask(), visit)) as events:
        await anext(events)
        await anext(events)
    assert first.left == 1
    assert visit.record.usage.output_tokens == 2
    assert [step.outcome for step in visit.record.steps] == ["cancelled"]


async def test_what_clients_may_know() -> None:
    """The best of its members."""
    first = FakeTarget("a", state=pb.Model.STATE_LOADING, capabilities=[pb.Model.CAPABILITY_CHAT])
    second = FakeTarget("b", context_length=32768, capabilities=[pb.Model.CAPABILITY_TOOLS], external=True)
    told = await route(first, second).model()
    assert (told.name, told.route_strategy, list(told.route_models)) == ("ko", "fallback", ["a", "b"])
    assert (told.state, told.context_length, told.external) == (pb.Model.STATE_READY, 32768, True)
    assert list(told.capabilities) == [pb.Model.CAPABILITY_CHAT, pb.Model.CAPABILITY_TOOLS]
    assert not told.url
