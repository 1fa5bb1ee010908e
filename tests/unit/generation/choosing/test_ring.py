"""Consistent hashing: even, agreed on, and little moves."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soban.generation.choosing.ring import Ring, key_of

KEYS = [key_of(f"세션-{number}") for number in range(4000)]


def ring_of(members: list[str]) -> Ring:
    ring = Ring()
    ring.add(dict.fromkeys(members))
    return ring


def owners(ring: Ring) -> list[str]:
    return [next(ring.walk(key)) for key in KEYS]


@pytest.mark.parametrize("count", [2, 5, 16])
def test_a_replica_that_comes_or_goes_moves_only_its_own_share(count: int) -> None:
    """About one key in n, all of them to or from it."""
    members = [f"http://10.0.0.{number}:8000" for number in range(count)]
    ring = ring_of(members)
    before = owners(ring)
    ring.add({"http://10.0.1.1:8000": None})
    after = owners(ring)
    moved = [new for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {"http://10.0.1.1:8000"}
    assert 0.6 < len(moved) / len(KEYS) * (count + 1) < 1.4
    ring.remove("http://10.0.1.1:8000")
    assert owners(ring) == before


def test_shares_are_about_even() -> None:
    """With 128 points each."""
    counts = Counter(owners(ring_of([f"engine-{number}" for number in range(8)])))
    assert min(counts.values()) > len(KEYS) / 8 * 0.7
    assert max(counts.values()) < len(KEYS) / 8 * 1.3


@settings(max_examples=25)
@given(st.permutations([f"engine-{number}" for number in range(6)]), st.integers(0, 2**64 - 1))
def test_the_order_in_which_replicas_came_does_not_matter(members: list[str], key: int) -> None:
    """Nor that one had been there which is gone."""
    other = ring_of(sorted(members))
    ring = ring_of([*members, "engine-gone"])
    ring.remove("engine-gone")
    assert list(ring.walk(key)) == list(other.walk(key))
    assert set(ring.walk(key)) == set(members)


def test_nothing_is_on_an_empty_ring() -> None:
    """A walk ends at once."""
    assert list(Ring().walk(KEYS[0])) == []


def test_the_ring_is_bounded() -> None:
    """Pods get a new address with every restart."""
    ring = Ring()
    for number in range(300):
        ring.add({f"engine-{number}": None, "engine-that-stays": None})
    assert len(set(ring.walk(0))) <= 258
    assert {"engine-299", "engine-that-stays"} <= set(ring.walk(0))
