"""What one watcher is told, and when."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from soban.scaler.telling import AGAIN_SECONDS, BETWEEN_SECONDS, Telling

# A look every tenth of a second: whether work began since the last, and the state then.
LOOKS = st.lists(st.tuples(st.booleans(), st.sampled_from([True, False, None])), max_size=200)


def test_the_first_answer_is_what_is_known() -> None:
    """Nothing while nothing is."""
    telling = Telling()
    assert telling.next(0.0, None) is None
    assert telling.next(1.0, False) is False


def test_changes_are_told_at_once() -> None:
    """Both ways, and nothing between them."""
    telling = Telling()
    assert [telling.next(0.0, False), telling.next(0.1, True), telling.next(0.2, True)] == [False, True, None]
    assert telling.next(0.3, False) is False


def test_work_that_came_and_went_between_two_looks_is_told() -> None:
    """Then that there is none."""
    telling = Telling()
    telling.next(0.0, False)
    telling.begun()
    assert telling.next(0.1, False) is True
    assert telling.next(0.1, False) is False


def test_the_same_is_told_again_from_time_to_time() -> None:
    """KEDA may have missed it: without metric names in its status it drops an activation (v2.20.2)."""
    for active in (True, False):
        telling = Telling()
        telling.next(0.0, active)
        assert telling.look_again(0.0) <= AGAIN_SECONDS
        assert telling.next(AGAIN_SECONDS - 0.1, active) is None
        assert telling.next(AGAIN_SECONDS, active) is active


def test_what_is_unknown_is_not_told_again() -> None:
    """And it is no reason to look all the time."""
    telling = Telling()
    telling.next(0.0, True)
    assert telling.next(AGAIN_SECONDS, None) is None
    assert telling.look_again(AGAIN_SECONDS + 1) == AGAIN_SECONDS


@given(LOOKS)
def test_no_begin_is_missed_and_none_is_told_too_soon(looks: list[tuple[bool, bool | None]]) -> None:
    """Each begin is followed by a True within a second, and there is a second at least between two of them."""
    telling, trues, begins = Telling(), [], []
    for tick in range(len(looks) + 12):
        begun, active = looks[tick] if tick < len(looks) else (False, False)
        if begun:
            telling.begun()
            begins.append(tick)
        if telling.next(tick / 10, active) is True:
            trues.append(tick)
    assert all(any(begin <= true <= begin + 10 * BETWEEN_SECONDS for true in trues) for begin in begins)
    assert all(later - earlier >= 10 * BETWEEN_SECONDS for earlier, later in itertools.pairwise(trues))


@given(LOOKS, st.booleans())
def test_in_the_end_the_truth_is_told(looks: list[tuple[bool, bool | None]], last: bool) -> None:
    """Within a second after it changed no more, by looking only when asked to."""
    telling, told = Telling(), None
    for tick, (begun, active) in enumerate(looks):
        if begun:
            telling.begun()
        answer = telling.next(tick / 10, active)
        told = told if answer is None else answer
    now = changed = len(looks) / 10
    while now <= changed + BETWEEN_SECONDS:
        answer = telling.next(now, last)
        told = told if answer is None else answer
        now += 0.0 if answer is not None else max(1e-6, telling.look_again(now))
    assert told is last
