"""How fast waiting requests get their turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soban.generation.drain import DrainRate, retry_after


def test_nothing_is_told_before_the_first_measure() -> None:
    """Nor while there is no capacity."""
    rate = DrainRate()
    assert (rate.wait(100, 1, 8), rate.enough(0, 100, 1)) == (None, None)
    rate.learn(100, 1, 2.0)
    assert rate.wait(100, 1, 0) is None


def test_times_follow_work_and_capacity() -> None:
    """100 tokens in 2 s on each of four sequences: 200 tokens a second."""
    rate = DrainRate()
    rate.learn(100, 1, 2.0)
    assert rate.wait(1000, 1, 4) == pytest.approx(5.0 + 0.5)
    assert rate.enough(1.0, 300, 1) == pytest.approx(7.0)


def test_several_answers_are_written_side_by_side() -> None:
    """Four of 50 tokens in 2 s are 25 tokens a second each."""
    rate = DrainRate()
    rate.learn(200, 4, 2.0)
    assert rate.enough(0, 200, 4) == pytest.approx(2.0)
    assert rate.enough(0, 50, 1) == pytest.approx(2.0)


@given(st.floats(0.01, 1000))
def test_only_the_proportion_of_estimates_matters(unit: float) -> None:
    """Whoever takes all work for ten times as large gets the same times."""
    rates = DrainRate(), DrainRate()
    for work, seconds in ((100, 2.0), (400, 9.0), (50, 1.0)):
        rates[0].learn(work, 1, seconds)
        rates[1].learn(work * unit, 1, seconds)
    assert rates[0].wait(500, 1, 4) == pytest.approx(rates[1].wait(500 * unit, 1, 4))
    assert rates[0].enough(3, 80, 1) == pytest.approx(rates[1].enough(3, 80 * unit, 1))


def test_where_answers_differ_more_time_is_kept_for_them() -> None:
    """The wait of many is a mean; the one answer at the end may be a slow one."""
    steady, moody = DrainRate(), DrainRate()
    for number in range(200):
        steady.learn(100, 1, 2.0)
        moody.learn(100, 1, 1.0 if number % 2 else 3.0)
    assert steady.enough(0, 100, 1) == pytest.approx(2.0)
    answer, late, wait = moody.enough(0, 100, 1), moody.enough(10, 100, 1), moody.wait(1000, 1, 4)
    assert answer is not None
    assert late is not None
    assert wait == pytest.approx(5.5, rel=0.15)
    assert answer > 4.0
    assert answer + 10 < late < answer + 20


def test_an_answer_without_work_or_time_is_no_measure() -> None:
    """Of an engine that answers out of nothing."""
    rate = DrainRate()
    rate.learn(0, 1, 1.0)
    rate.learn(10, 1, 0.0)
    assert rate.wait(1, 1, 1) is None


@given(st.one_of(st.none(), st.floats(0, 1e6)), st.floats(0, 1))
def test_a_time_to_come_again_is_bounded_and_never_too_short(seconds: float | None, chance: float) -> None:
    """Up to a quarter later; an hour is no use to anyone."""
    told = retry_after(seconds, chance)
    assert 0.1 <= told <= 75.0
    assert told >= min(60.0, seconds or 0.0)
