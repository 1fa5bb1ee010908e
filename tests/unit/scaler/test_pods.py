"""Pods that come, go and hang, and what is known by them."""

from __future__ import annotations

from collections.abc import Set

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from soban.runtime.errors import LoadUnknown, ModelNotFound
from soban.scaler.pods import Pods
from soban.scaler.totals import Metric
from unit.scaler.loads import load

STALE = 15.0
ADDRESSES = [f"10.0.0.{number}:50063" for number in range(1, 5)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Changes:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.models: set[str] = set()
        self.begun: list[str] = []

    def changed(self, models: Set[str], begun: Set[str]) -> None:
        self.models |= models
        self.begun += begun


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pods(clock: Clock) -> Pods:
    return Pods(STALE, clock)


def test_no_pod_at_all_is_unknown(pods: Pods) -> None:
    """Nobody said that there is nothing to do."""
    with pytest.raises(LoadUnknown, match="no generation pod is known"):
        pods.total("ko", Metric.SEQUENCES)
    assert pods.active("ko") is None
    assert not pods.complete


def test_a_new_pod_is_unknown_until_it_tells(pods: Pods) -> None:
    """Its requests are missing in the sum."""
    pods.found({"a", "b"})
    pods.heard("a", [load(running=2)])
    with pytest.raises(LoadUnknown, match="1 of 2 generation pods"):
        pods.total("ko", Metric.SEQUENCES)
    pods.heard("b", [load(held=3)])
    assert pods.total("ko", Metric.SEQUENCES) == 5


def test_a_silent_pod_counts_for_a_while_and_is_unknown_then(pods: Pods, clock: Clock) -> None:
    """Until it tells again."""
    pods.found({"a"})
    pods.heard("a", [load(running=2)])
    clock.now = STALE
    assert pods.total("ko", Metric.SEQUENCES) == 2
    clock.now = STALE + 0.1
    with pytest.raises(LoadUnknown, match="1 of 1 generation pods"):
        pods.total("ko", Metric.SEQUENCES)
    assert pods.active("ko") is None
    pods.heard("a", [load()])
    assert pods.active("ko") is False


def test_a_pod_that_is_gone_counts_no_longer(pods: Pods) -> None:
    """At once, and what it still says is not heard."""
    pods.found({"a", "b"})
    pods.heard("a", [load(running=2)])
    pods.heard("b", [load(running=3)])
    pods.found({"b"})
    pods.heard("a", [load(running=9)])
    assert pods.total("ko", Metric.SEQUENCES) == 3
    pods.found({"a", "b"})
    with pytest.raises(LoadUnknown):
        pods.total("ko", Metric.SEQUENCES)


def test_a_pod_with_work_suffices_to_wake_a_pool(pods: Pods) -> None:
    """What others do not tell cannot change that."""
    pods.found({"a", "b"})
    pods.heard("a", [load(held=1)])
    assert pods.active("ko") is True


def test_a_model_counts_where_it_is_served(pods: Pods) -> None:
    """During an upgrade of generation old pods do not know it, and have no requests for it."""
    pods.found({"old", "new"})
    pods.heard("old", [load("ko")])
    pods.heard("new", [load("ko"), load("ko-8b", held=2)])
    assert pods.total("ko-8b", Metric.SEQUENCES) == 2


def test_a_model_that_no_pod_serves_is_not_found(pods: Pods) -> None:
    """With the nearest name; while a pod is silent it is only unknown."""
    pods.found({"a", "b"})
    pods.heard("a", [load("ko-8b")])
    with pytest.raises(LoadUnknown):
        pods.total("ko8b", Metric.SEQUENCES)
    pods.heard("b", [load("ko-8b")])
    with pytest.raises(ModelNotFound, match="the nearest known one is 'ko-8b'"):
        pods.total("ko8b", Metric.SEQUENCES)
    assert pods.active("ko8b") is None


def test_a_number_that_a_pod_does_not_tell_is_an_error(pods: Pods) -> None:
    """Of that metric alone."""
    pods.found({"a"})
    pods.heard("a", [load(prefill_backlog_seconds=None, tokens_in_flight=700, running=1)])
    with pytest.raises(LoadUnknown, match="backlog-seconds"):
        pods.total("ko", Metric.BACKLOG_SECONDS)
    assert pods.total("ko", Metric.SEQUENCES) == 1


def test_changes_of_work_are_told_and_others_are_not(pods: Pods, clock: Clock) -> None:
    """A second pod's work is no begin; work after silence is one."""
    changes = Changes()
    pods.listener(changes)
    pods.found({"a", "b"})
    pods.heard("a", [load("ko"), load("ko-8b")])
    pods.heard("b", [load("ko"), load("ko-8b")])
    changes.models.clear()
    pods.heard("a", [load("ko"), load("ko-8b", held=1)])
    assert (changes.models, changes.begun) == ({"ko-8b"}, ["ko-8b"])
    pods.heard("b", [load("ko"), load("ko-8b", held=1)])
    assert changes.begun == ["ko-8b"]
    changes.models.clear()
    pods.heard("a", [load("ko"), load("ko-8b", held=2)])
    assert changes.models == set()
    clock.now = STALE + 1
    pods.heard("b", [load("ko"), load("ko-8b", held=1)])
    assert (changes.models, changes.begun) == ({"ko", "ko-8b"}, ["ko-8b", "ko-8b"])


class PodsMachine(RuleBasedStateMachine):
    """Random pods come, go, tell and hang; beside them a plain table of what is true."""

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.pods = Pods(STALE, self.clock)
        self.table: dict[str, tuple[float, int] | None] = {}

    @rule(addresses=st.sets(st.sampled_from(ADDRESSES)))
    def find(self, addresses: set[str]) -> None:
        self.pods.found(addresses)
        self.table = {address: self.table.get(address) for address in addresses}

    @rule(address=st.sampled_from(ADDRESSES), running=st.integers(0, 3), held=st.integers(0, 3))
    def tell(self, address: str, running: int, held: int) -> None:
        self.pods.heard(address, [load(running=running, held=held)])
        if address in self.table:
            self.table[address] = (self.clock.now, running + held)

    @rule(seconds=st.floats(0, STALE))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def the_sum_is_right_or_unknown(self) -> None:
        """Never a sum over some of the pods, and never a zero that nobody told."""
        rows = list(self.table.values())
        fresh = [row[1] for row in rows if row is not None and self.clock.now - row[0] <= STALE]
        if rows and len(fresh) == len(rows):
            assert self.pods.total("ko", Metric.SEQUENCES) == sum(fresh)
            assert self.pods.active("ko") is (sum(fresh) > 0)
        else:
            with pytest.raises(LoadUnknown):
                self.pods.total("ko", Metric.SEQUENCES)
            assert self.pods.active("ko") is (True if any(fresh) else None)


TestPodsMachine = PodsMachine.TestCase
