"""Split: shares, and sessions that keep their model."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

import soban.v1 as pb
from soban.generation.routes.split import Split
from soban.runtime.errors import EngineLost
from unit.generation.routes.targets import FakeTarget, answer, ask, card, said

SESSIONS = [f"사용자-{number}" for number in range(4_000)]


def route(draw: Random | None = None, name: str = "ko", **weights: float) -> Split:
    shares = [(FakeTarget(member), weight) for member, weight in weights.items()]
    return Split(card("split", name), shares, (draw or Random(7)).random)


def first_of(split: Split) -> list[str]:
    return [split.order(session)[0].name for session in SESSIONS]


def test_sessions_are_shared_by_weight() -> None:
    """Within what 4,000 sessions allow: four standard deviations."""
    counts = Counter(first_of(route(stable=90, canary=10)))
    assert abs(counts["canary"] - 400) < 4 * (4_000 * 0.1 * 0.9) ** 0.5


def test_requests_without_a_session_are_shared_by_weight() -> None:
    """Each on its own."""
    split = route(stable=3, canary=1)
    counts = Counter(split.order("")[0].name for _ in range(4_000))
    assert abs(counts["canary"] - 1_000) < 4 * (4_000 * 0.25 * 0.75) ** 0.5


async def test_a_session_keeps_its_model() -> None:
    """Also after a restart, as nothing but names goes into it."""
    assert first_of(route(a=1, b=1)) == first_of(route(Random(99), b=1, a=1))
    split = route(a=1, b=1)
    models = {(await answer(split, ask(session="사용자-1"))).model for _ in range(5)}
    assert len(models) == 1


def test_a_larger_canary_keeps_its_sessions() -> None:
    """And takes only as many as its share grows by."""
    before, after = first_of(route(stable=95, canary=5)), first_of(route(stable=90, canary=10))
    moved = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    assert set(moved) == {("stable", "canary")}
    assert 100 < len(moved) < 300


def test_two_splits_do_not_divide_sessions_alike() -> None:
    """Or the same people would be the guinea pigs of every trial."""
    one, other = first_of(route(a=1, b=1)), first_of(route(name="ko-2", a=1, b=1))
    assert 1_800 < sum(x == y for x, y in zip(one, other, strict=True)) < 2_200


async def test_a_weight_of_0_is_never_asked() -> None:
    """Not even where all others fail."""
    failing, off = FakeTarget("a", [EngineLost("it died")]), FakeTarget("b")
    split = Split(card("split"), [(failing, 1.0), (off, 0.0)], Random(7).random)
    seen = await answer(split, ask())
    assert isinstance(seen.error, EngineLost)
    assert not off.asked
    assert list((await split.model()).route_models) == ["a", "b"]


async def test_who_fails_before_text_is_replaced() -> None:
    """By the session's next one; the session itself stays where it was."""
    members = FakeTarget("a", [EngineLost("it died")]), FakeTarget("b", said("부산"))
    split = Split(card("split"), [(member, 1.0) for member in members], Random(7).random)
    session = next(session for session in SESSIONS if split.order(session)[0].name == "a")
    seen = await answer(split, ask(session=session))
    assert (seen.model, seen.steps) == ("b", [("a", "error:ENGINE_LOST"), ("b", "accepted")])
    members[0].plays = [said("서울")]
    assert (await answer(split, ask(session=session))).model == "a"


async def test_who_has_no_replica_gives_its_share_away() -> None:
    """As long as it has none."""
    members = FakeTarget("a", state=pb.Model.STATE_UNAVAILABLE), FakeTarget("b", said("부산"))
    split = Split(card("split"), [(member, 1.0) for member in members], Random(7).random)
    assert {(await answer(split, ask(session=session))).model for session in SESSIONS[:20]} == {"b"}


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([0.0, 1e-9, 1.0, 1e6]), min_size=1).filter(
        lambda weights: any(weights.values())
    ),
    st.text(max_size=20),
)
def test_the_order_is_all_members_with_a_weight(weights: dict[str, float], session: str) -> None:
    """Each once."""
    order = [member.name for member in route(**weights).order(session)]
    assert sorted(order) == sorted(name for name, weight in weights.items() if weight)
