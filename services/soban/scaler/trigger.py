"""`scalerMetadata` of a KEDA trigger: which model, and the targets for each of its replicas."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from soban.runtime.errors import InvalidField
from soban.runtime.nearest import hint
from soban.scaler.totals import Metric

_MODEL = "model"
_TARGETS = {"sequences": Metric.SEQUENCES, "backlogSeconds": Metric.BACKLOG_SECONDS, "kvCache": Metric.KV_CACHE}
# KEDA v2.20.2 sends all keys of the trigger, and so those that are meant for itself (external_scaler.go).
_KEDAS_OWN = frozenset({"scalerAddress", "enableTLS", "unsafeSsl"})
_LARGEST_TARGET = {Metric.SEQUENCES: 1e6, Metric.BACKLOG_SECONDS: 86_400.0, Metric.KV_CACHE: 1.0}


@dataclass(frozen=True)
class Trigger:
    """`targets` says how much of a metric one replica should have; there is at least one."""

    model: str
    targets: Mapping[Metric, float]


def read_trigger(metadata: Mapping[str, str], path: str) -> Trigger:
    """`path` is where the metadata stand in the request. Raises InvalidField, which names the wrong key."""
    for key in sorted(metadata.keys() - _KEDAS_OWN - _TARGETS.keys() - {_MODEL}):
        raise InvalidField(f"unknown key {key!r}{hint(key, (_MODEL, *_TARGETS))}", field=f"{path}.{key}")
    model = metadata.get(_MODEL, "").strip()
    if not model:
        raise InvalidField(f"{_MODEL!r} is required: the name of a model", field=f"{path}.{_MODEL}")
    targets = {metric: _target(key, metadata[key], metric, path) for key, metric in _TARGETS.items() if key in metadata}
    if not targets:
        raise InvalidField(f"a target is required: one of {', '.join(_TARGETS)}", field=path)
    return Trigger(model, targets)


def _target(key: str, text: str, metric: Metric, path: str) -> float:
    largest = _LARGEST_TARGET[metric]
    try:
        target = float(text)
    except ValueError:
        target = math.nan
    if not 0 < target <= largest:
        raise InvalidField(f"{key!r} must be a number above 0, {largest:g} at most", field=f"{path}.{key}")
    return target
