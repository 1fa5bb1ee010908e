"""The trace of the autoscaling scenarios, and the goal it is judged by."""

from __future__ import annotations

import pytest

from cluster.answer import Answer
from cluster.peak import Judgement, Trace
from cluster.scenarios.load_scale_up.scenario import _turns


def answers(*firsts: float, status: str = "ok") -> list[Answer]:
    """Requests that had their first text after so many seconds."""
    return [Answer(0, "grpc", 0.0, first + 1, status, first) for first in firsts]  # type: ignore[arg-type]


def test_trace_is_made_of_shares_of_a_replicas_capacity() -> None:
    """0.5, 3 and 0.2 times."""
    trace = Trace(2.0)
    assert [phase.rate for phase in trace.phases] == pytest.approx([1.0, 6.0, 0.4])
    begin, end = trace.peak
    assert (begin, end - begin) == (trace.phases[0].seconds, trace.phases[1].seconds)


def test_goal_is_met_when_nine_of_ten_are_in_time() -> None:
    """One may be late, two may not."""
    assert Judgement.of(answers(*[1.0] * 9, 90.0)).met
    assert not Judgement.of(answers(*[1.0] * 8, 90.0, 91.0)).met


def test_goal_is_missed_by_one_that_nobody_answered() -> None:
    """A queue that refuses keeps waits short, which is no success."""
    assert not Judgement.of([*answers(*[1.0] * 99), *answers(0.0, status="refused")]).met


def test_turns_count_each_change_between_up_and_down() -> None:
    """Up in steps and down in steps is one turn."""
    assert _turns([1, 1, 2, 4, 4, 3, 1]) == 1
    assert _turns([1, 2, 1, 2, 1]) == 3
    assert _turns([1]) == _turns([1, 2, 3]) == 0
