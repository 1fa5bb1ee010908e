"""Load of a model: what is known is told, what is not stays unset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

import soban.v1 as pb
from soban.generation.engine import Reading
from soban.generation.load import load_of, loads_of
from soban.generation.throughput import Throughput
from soban.generation.work import Work, WorkMeter
from soban.runtime.errors import ModelNotFound


@dataclass
class AReplica:
    reading: Reading | None = None
    reading_age: float | None = None


@dataclass
class APool:
    replicas: list[AReplica] = field(default_factory=list)
    loading: int = 0
    slots: int = 0

    def ready(self) -> Sequence[AReplica]:
        return self.replicas


@dataclass
class AQueue:
    running: int = 0
    queued: int = 0
    held: int = 0


def load(pool: APool, queue: AQueue | None = None, meter: WorkMeter | None = None, stranded: int = 0) -> pb.ModelLoad:
    return load_of(
        "ko",
        pool=pool,
        queue=queue or AQueue(),
        work=meter or WorkMeter(),
        speed=Throughput(),
        stranded=stranded,
    )


def unset(told: pb.ModelLoad) -> set[str]:
    return {name for name in pb.ModelLoad.DESCRIPTOR.fields_by_name if name != "model" and not told.HasField(name)}


def test_what_this_server_counts_itself_is_always_known() -> None:
    told = load(APool())
    assert unset(told) == {"kv_cache_use", "staleness_seconds", "knee"}
    assert (told.ready_replicas, told.slots, told.held) == (0, 0, 0)
    assert told.prefill_backlog_seconds == 0.0


def test_work_at_an_unknown_speed_is_an_unknown_backlog() -> None:
    meter = WorkMeter()
    meter.arrive(Work(prefill=1000, decode=100))
    told = load(APool([AReplica()]), meter=meter)
    assert told.tokens_in_flight == 1100
    assert not told.HasField("prefill_backlog_seconds")


def test_queue_and_replicas_are_told() -> None:
    told = load(APool([AReplica(), AReplica()], loading=1, slots=12), AQueue(running=7, queued=3, held=2))
    assert (told.ready_replicas, told.loading_replicas, told.slots) == (2, 1, 12)
    assert (told.running, told.queued, told.held) == (7, 3, 2)


def test_who_lost_the_replica_is_held_and_does_not_run() -> None:
    told = load(APool(), AQueue(running=5, held=1), stranded=3)
    assert (told.running, told.held) == (2, 4)


def test_the_use_of_the_cache_is_summed_over_replicas() -> None:
    told = load(APool([AReplica(Reading(kv_cache_use=0.5), 1.0), AReplica(Reading(kv_cache_use=0.75), 4.0)]))
    assert told.kv_cache_use == 1.25
    assert told.staleness_seconds == 4.0


@pytest.mark.parametrize("silent", [AReplica(), AReplica(Reading(running=3), 2.0), AReplica(Reading(), 2.0)])
def test_one_replica_that_does_not_tell_makes_the_sum_unknown(silent: AReplica) -> None:
    told = load(APool([AReplica(Reading(kv_cache_use=0.5), 1.0), silent]))
    assert not told.HasField("kv_cache_use")
    assert told.HasField("staleness_seconds")


def test_an_engine_that_tells_nothing_has_no_age() -> None:
    assert not load(APool([AReplica(Reading(), 3.0)])).HasField("staleness_seconds")


def test_an_empty_cache_is_zero_and_known() -> None:
    told = load(APool([AReplica(Reading(kv_cache_use=0.0), 0.0)]))
    assert told.HasField("kv_cache_use")
    assert told.kv_cache_use == 0.0


KNOWN = {name: (lambda name=name: pb.ModelLoad(model=name)) for name in ("나", "가", "다")}


def test_all_models_or_those_that_are_named_come_ordered_and_once() -> None:
    assert [told.model for told in loads_of(KNOWN, [])] == ["가", "나", "다"]
    assert [told.model for told in loads_of(KNOWN, ["다", "가", "다"])] == ["가", "다"]


def test_an_unknown_model_is_not_found_by_its_name() -> None:
    with pytest.raises(ModelNotFound) as caught:
        loads_of(KNOWN, ["가", "라"])
    assert caught.value.metadata == {"model": "라"}
