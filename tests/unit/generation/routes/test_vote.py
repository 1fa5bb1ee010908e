"""Vote: several answers, one given, all counted."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

import soban.v1 as pb
from soban.generation.routes.vote import Vote
from soban.generation.target import Visit
from soban.runtime.errors import EngineLost, InvalidField, NoReplica, NotBuilt, QueueFull
from unit.generation.routes.targets import FakeTarget, answer, ask, called, card, said


def route(*members: FakeTarget, samples: int = 1, temperature: float = 0.7) -> Vote:
    return Vote(card("vote"), members, samples, temperature)


async def test_the_majority_of_models_wins() -> None:
    """In one piece, with its model's name; all that was used counts."""
    members = [FakeTarget("a", said("부산")), FakeTarget("b", said("서", "울")), FakeTarget("c", said("서울입니다."))]
    seen = await answer(route(*members), ask())
    assert (seen.model, seen.text(), len(seen.pieces), seen.ends) == ("b", "서울", 1, [0])
    assert seen.steps == [("a", "outvoted"), ("b", "accepted"), ("c", "outvoted")]
    assert [step.usage.output_tokens for step in seen.visit.record.steps] == [2, 4, 2]
    assert (seen.visit.record.usage.output_tokens, seen.visit.record.usage.input_tokens) == (8, 15)
    assert seen.pieces[0].tokens == 4


async def test_samples_of_one_model_differ() -> None:
    """By seeds in a row, and a temperature where the request wants none."""
    member = FakeTarget("a", said("서울"), said("부산"), said("부산"))
    seen = await answer(route(member, samples=3), ask(seed=7, temperature=0.0))
    assert seen.text() == "부산"
    assert [asked.options.seed for asked in member.asked] == [7, 8, 9]
    assert [round(asked.options.temperature, 3) for asked in member.asked] == [0.7] * 3
    assert [asked.options.HasField("n") for asked in member.asked] == [False] * 3


async def test_what_the_client_wants_is_kept() -> None:
    """A temperature of its own; and one answer of each model needs none."""
    member = FakeTarget("a")
    await answer(route(member, samples=2), ask(temperature=1.5))
    assert [asked.options.temperature for asked in member.asked] == [1.5, 1.5]
    assert not member.asked[0].options.HasField("seed")
    two = FakeTarget("a"), FakeTarget("b")
    await answer(route(*two), ask())
    assert not two[0].asked[0].options.HasField("temperature")


async def test_the_largest_seed_is_no_error() -> None:
    """It goes on at the smallest."""
    member = FakeTarget("a")
    await answer(route(member, samples=2), ask(seed=2**63 - 1))
    assert [asked.options.seed for asked in member.asked] == [2**63 - 1, -(2**63)]


async def test_some_may_fail() -> None:
    """As long as one answers; the steps tell."""
    members = FakeTarget("a", [*said("서")[:1], EngineLost("it died")]), FakeTarget("b", said("부산"))
    seen = await answer(route(*members), ask())
    assert (seen.error, seen.text()) == (None, "부산")
    assert seen.steps == [("a", "error:ENGINE_LOST"), ("b", "accepted")]
    assert seen.visit.record.usage.output_tokens == 4


async def test_if_all_fail_the_most_useful_error_is_told() -> None:
    """The one after which to come again."""
    seen = await answer(route(FakeTarget("a", [NotBuilt("no")]), FakeTarget("b", [QueueFull("full")])), ask())
    assert isinstance(seen.error, QueueFull)
    assert seen.steps == [("a", "error:NOT_BUILT"), ("b", "error:QUEUE_FULL")]


async def test_all_are_asked_at_once() -> None:
    """The first waits for the second to have been asked."""
    gate = asyncio.Event()
    first, second = FakeTarget("a", [gate, *said("서울")]), FakeTarget("b", said("서울"))
    asking = asyncio.create_task(answer(route(first, second), ask()))
    while not (first.asked and second.asked):
        await asyncio.sleep(0)
    gate.set()
    assert (await asking).model == "a"


async def test_who_is_late_does_not_vote() -> None:
    """And its engine is free."""
    slow = FakeTarget("a", [asyncio.Event()])
    seen = await answer(route(slow, FakeTarget("b", said("서울"))), ask(), seconds=1)
    assert seen.steps == [("a", "late"), ("b", "accepted")]
    assert slow.left == 1


async def test_who_has_no_replica_is_not_waited_for() -> None:
    """If another one has."""
    members = FakeTarget("a", state=pb.Model.STATE_UNAVAILABLE), FakeTarget("b", said("서울"))
    assert (await answer(route(*members), ask())).steps == [("a", "not_ready"), ("b", "accepted")]
    down = FakeTarget("a", [NoReplica("none")], state=pb.Model.STATE_LOADING)
    assert isinstance((await answer(route(down, samples=2), ask())).error, NoReplica)


async def test_log_probabilities_are_the_winners() -> None:
    """For a client that asks for them."""
    members = FakeTarget("a", said("서울", logprob=-0.5)), FakeTarget("b", said("서울", logprob=-0.25))
    seen = await answer(route(*members), ask(logprobs=True))
    assert [each.logprob for each in seen.pieces[0].logprobs] == [-0.5, -0.5]


async def test_tool_calls_are_elected() -> None:
    """And come whole."""
    members = [
        FakeTarget(name, called("날씨", f'{{"도시": "{city}"}}')) for name, city in zip("abc", "가나나", strict=True)
    ]
    seen = await answer(route(*members), ask(tools=[pb.Tool(name="날씨")]))
    assert seen.model == "b"
    assert [call.arguments for call in seen.pieces[0].tool_calls] == ['{"도시": "나"}']


async def test_long_answers_are_compared_beside_the_event_loop() -> None:
    """And the one that agrees best is given."""
    texts = ["부산에는 바다가 있습니다. " * 600, "서울에는 한강이 있습니다. " * 600, "서울에 한강이 있습니다. " * 600]
    members = [FakeTarget(name, said(text)) for name, text in zip("abc", texts, strict=True)]
    assert (await answer(route(*members), ask())).model == "b"


async def test_leaving_early_ends_all_answers() -> None:
    """At once, and what was written counts."""
    members = [FakeTarget(name, [*said("서")[:1], asyncio.Event()]) for name in "ab"]
    visit = Visit()

    async def read() -> None:
        async with aclosing(route(*members).generate(ask(), visit)) as events:
            await anext(events)

    reading = asyncio.create_task(read())
    while not all(member.asked for member in members):
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert [member.left for member in members] == [1, 1]
    assert visit.record.usage.output_tokens == 4
    assert [step.outcome for step in visit.record.steps] == ["cancelled", "cancelled"]


async def test_a_vote_gives_one_answer() -> None:
    """Several choices are refused, as is what every member refuses."""
    one, two = FakeTarget("a"), FakeTarget("b")
    with pytest.raises(InvalidField) as caught:
        route(one, two).check(ask(n=2))
    assert caught.value.field == "options.n"
    one.refuses = NotBuilt("images")
    route(one, two).check(ask(n=1))
    two.refuses = NotBuilt("images")
    with pytest.raises(NotBuilt):
        route(one, two).check(ask())
