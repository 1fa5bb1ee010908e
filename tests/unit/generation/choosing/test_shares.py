"""Shares of groups: met soon, kept by sessions, given away where nobody is ready."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from soban.generation.choosing.shares import Shares
from unit.generation.choosing.replicas import FakeReplica


def group(number: int, weight: float | None, count: int = 1) -> list[FakeReplica]:
    return [FakeReplica(f"{number}-{index}", group=number, weight=weight) for index in range(count)]


def chosen(shares: Shares, candidates: list[FakeReplica], session: str = "") -> int:
    found = shares.of_one_group(candidates, session)
    assert len({candidate.group for candidate in found}) == 1
    return found[0].group


def test_without_weights_all_are_candidates() -> None:
    """Every replica counts the same, whatever its address."""
    candidates = [*group(0, None, 3), *group(1, None)]
    assert Shares(Random(1)).of_one_group(candidates, "") == candidates


@settings(max_examples=30)
@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=4), st.integers(0, 1000))
def test_shares_are_met_within_a_few_requests(weights: list[float], seed: int) -> None:
    """Of any number of requests: low discrepancy, unlike dice; the number of replicas does not count."""
    candidates = [replica for number, weight in enumerate(weights) for replica in group(number, weight, number + 1)]
    shares = Shares(Random(seed))
    counts: Counter[int] = Counter()
    for sent in range(1, 501):
        counts[chosen(shares, candidates)] += 1
        if sent % 100 == 0:
            for number, weight in enumerate(weights):
                assert abs(counts[number] - sent * weight / sum(weights)) < 6


def test_a_canary_of_five_percent_gets_its_first_request_soon() -> None:
    """And five in a hundred."""
    shares = Shares(Random(3))
    found = [chosen(shares, [*group(0, 95, 4), *group(1, 5)]) for _ in range(100)]
    assert found.count(1) == 5
    assert 1 in found[:35]


def test_sessions_keep_their_group_and_a_changed_weight_moves_only_who_must() -> None:
    """In every pod alike."""
    sessions = [f"손님-{number}" for number in range(3000)]
    before = [chosen(Shares(Random(1)), [*group(0, 90), *group(1, 10)], name) for name in sessions]
    again = [chosen(Shares(Random(2)), [*group(0, 90), *group(1, 10)], name) for name in sessions]
    after = [chosen(Shares(Random(1)), [*group(0, 70), *group(1, 30)], name) for name in sessions]
    assert before == again
    assert 0.08 < before.count(1) / len(sessions) < 0.12
    assert 0.27 < after.count(1) / len(sessions) < 0.33
    assert all(new == 1 for old, new in zip(before, after, strict=True) if old == 1)


def test_a_group_that_is_not_there_gives_its_share_away() -> None:
    """In proportion, and its sessions with it; they come back."""
    all_three = [*group(0, 50), *group(1, 30), *group(2, 20)]
    shares = Shares(Random(1))
    counts = Counter(chosen(shares, all_three[1:]) for _ in range(500))
    assert abs(counts[1] - 300) < 5
    sessions = [f"손님-{number}" for number in range(500)]
    for name in sessions:
        if (home := chosen(shares, all_three, name)) != 0:
            assert chosen(shares, all_three[1:], name) == home


def test_weight_zero_gets_nothing_while_others_are_there() -> None:
    """But answers when it is alone."""
    shares = Shares(Random(1))
    assert {chosen(shares, [*group(0, 1), *group(1, 0)]) for _ in range(200)} == {0}
    assert {chosen(shares, [*group(0, 1), *group(1, 0)], f"손님-{number}") for number in range(200)} == {0}
    assert chosen(shares, group(1, 0)) == 1


def test_an_address_without_weight_counts_its_replicas() -> None:
    """Beside one that has a weight."""
    shares = Shares(Random(1))
    counts = Counter(chosen(shares, [*group(0, None, 3), *group(1, 1)]) for _ in range(400))
    assert abs(counts[0] - 300) < 5
