"""Sums over pods: what adds up, what does not, and what is not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.scaler.totals import Metric, activity_of, total_of
from unit.scaler.loads import load

COUNTS = st.integers(0, 50)
LOADS = st.lists(st.builds(load, running=COUNTS, queued=COUNTS, held=COUNTS), min_size=1, max_size=8)


@given(LOADS)
def test_sequences_of_all_pods_add_up(loads: list[pb.ModelLoad]) -> None:
    """Running, queued and held, in whatever order pods tell them."""
    expected = sum(told.running + told.queued + told.held for told in loads)
    assert total_of(Metric.SEQUENCES, loads) == total_of(Metric.SEQUENCES, loads[::-1]) == expected


@given(LOADS, st.data())
def test_one_missing_number_makes_the_sum_unknown(loads: list[pb.ModelLoad], data: st.DataObject) -> None:
    """It is never taken for zero."""
    data.draw(st.sampled_from(loads)).ClearField(data.draw(st.sampled_from(["running", "queued", "held"])))
    assert total_of(Metric.SEQUENCES, loads) is None


@pytest.mark.parametrize(
    ("numbers", "backlog"),
    [
        ({"prefill_backlog_seconds": 2.5}, 3.0),
        ({"prefill_backlog_seconds": None, "tokens_in_flight": 0}, 0.5),
        ({"prefill_backlog_seconds": None, "tokens_in_flight": 1}, None),
        ({"prefill_backlog_seconds": None, "tokens_in_flight": None}, None),
    ],
)
def test_a_backlog_of_unknown_speed_is_zero_only_without_prompts(
    numbers: dict[str, float | None], backlog: float | None
) -> None:
    """The other pod has half a second."""
    assert total_of(Metric.BACKLOG_SECONDS, [load(prefill_backlog_seconds=0.5), load(**numbers)]) == backlog


@pytest.mark.parametrize(
    ("pods", "caches"),
    [
        ([{"kv_cache_use": 0.5}, {"kv_cache_use": 0.7}], 0.7),
        ([{"kv_cache_use": 1.2, "ready_replicas": 2}, {"kv_cache_use": None, "ready_replicas": 1}], 1.2),
        ([{"kv_cache_use": 0.7, "ready_replicas": 1}, {"kv_cache_use": None, "ready_replicas": 2}], None),
        ([{"kv_cache_use": 0.7}, {"kv_cache_use": None, "ready_replicas": 0}], 0.7),
        ([{"kv_cache_use": None}], None),
        ([{"kv_cache_use": None, "ready_replicas": 0}], 0.0),
        ([{"kv_cache_use": None, "ready_replicas": 0, "loading_replicas": 1}], None),
        ([{"kv_cache_use": None, "ready_replicas": None}], None),
    ],
)
def test_caches_are_those_of_the_pod_that_sees_most(pods: list[dict[str, float | None]], caches: float | None) -> None:
    """They are of the same engines on each pod; a pool that is at zero has none."""
    assert total_of(Metric.KV_CACHE, [load(**numbers) for numbers in pods]) == caches


@pytest.mark.parametrize("field", ["running", "queued", "held"])
def test_any_sequence_makes_a_model_active(field: str) -> None:
    """Whatever else is not told."""
    assert activity_of(pb.ModelLoad(model="ko", **{field: 1})) is True
    assert activity_of(load()) is False
    assert activity_of(load(**{field: None})) is None
