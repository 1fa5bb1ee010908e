"""Sums over what the generation pods tell of one model. Pure; None stands for unknown, which is never zero.

Each pod counts its own requests, so that those add up. Of the engines all pods tell the same, so that there the one
that sees most is right (docs/load-and-cost.md, "Several generation servers").
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import soban.v1 as pb


class Metric(Enum):
    """What can be asked for, by its name in KEDA and the HPA."""

    SEQUENCES = "sequences"
    """Running, queued and held: all that engines work on or should."""
    BACKLOG_SECONDS = "backlog-seconds"
    """In which one replica would read all prompts without output."""
    KV_CACHE = "kv-cache"
    """Full caches: 1.5 are three replicas whose caches are half full."""


def total_of(metric: Metric, loads: Sequence[pb.ModelLoad]) -> float | None:
    """Over all pods, at least one; None when a number is missing."""
    if metric is Metric.KV_CACHE:
        return _highest_cache(loads)
    return _sum([_sequences(load) if metric is Metric.SEQUENCES else _backlog(load) for load in loads])


def activity_of(load: pb.ModelLoad) -> bool | None:
    """Whether one pod has anything to do for the model."""
    if load.running > 0 or load.queued > 0 or load.held > 0:
        return True
    return None if _sequences(load) is None else False


def _sequences(load: pb.ModelLoad) -> float | None:
    told = load.HasField("running") and load.HasField("queued") and load.HasField("held")
    return load.running + load.queued + load.held if told else None


def _backlog(load: pb.ModelLoad) -> float | None:
    """A pod that has not measured its speed yet has no backlog only if it has no prompt."""
    if load.HasField("prefill_backlog_seconds"):
        return load.prefill_backlog_seconds
    idle = load.HasField("tokens_in_flight") and load.tokens_in_flight == 0
    return 0.0 if idle else None


def _highest_cache(loads: Sequence[pb.ModelLoad]) -> float | None:
    """The highest told, unless a pod that sees more ready replicas does not tell. Without any replica there is no
    cache, of which nothing is full."""
    if all(_no_replica(load) for load in loads):
        return 0.0
    told = [load for load in loads if load.HasField("kv_cache_use")]
    seen = max((load.ready_replicas for load in told), default=-1)
    if any(load.ready_replicas > seen for load in loads):
        return None
    return max(load.kv_cache_use for load in told)


def _no_replica(load: pb.ModelLoad) -> bool:
    told = load.HasField("ready_replicas") and load.HasField("loading_replicas")
    return told and load.ready_replicas == 0 and load.loading_replicas == 0


def _sum(parts: Sequence[float | None]) -> float | None:
    told = [part for part in parts if part is not None]
    return sum(told) if len(told) == len(parts) else None
