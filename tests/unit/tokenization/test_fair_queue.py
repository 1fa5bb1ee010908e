"""Turns between callers."""

from __future__ import annotations

import pytest

from soban.tokenization.analysis.fair_queue import FairQueue


def drained(queue: FairQueue[str]) -> list[str]:
    return [queue.take() for _ in range(len(queue))]


def test_callers_take_turns() -> None:
    """Whoever comes late waits for one item of each other caller."""
    queue: FairQueue[str] = FairQueue()
    for item in ("책1", "책2", "책3"):
        queue.put("책", item)
    queue.put("쪽지", "쪽지1")
    assert drained(queue) == ["책1", "쪽지1", "책2", "책3"]


def test_what_is_put_back_goes_first() -> None:
    """Before all others, also of its own caller."""
    queue: FairQueue[str] = FairQueue()
    queue.put("ㄱ", "ㄱ2")
    queue.put("ㄴ", "ㄴ1")
    queue.put_back("ㄴ", "ㄴ0")
    assert drained(queue) == ["ㄴ0", "ㄱ2", "ㄴ1"]


def test_a_caller_that_leaves_takes_its_items_along() -> None:
    """And the length with them."""
    queue: FairQueue[str] = FairQueue()
    queue.put("ㄱ", "ㄱ1")
    queue.put("ㄱ", "ㄱ2")
    queue.put("ㄴ", "ㄴ1")
    queue.drop("ㄱ")
    queue.drop("없는 사람")
    assert len(queue) == 1
    assert drained(queue) == ["ㄴ1"]
    with pytest.raises(KeyError):
        queue.take()
