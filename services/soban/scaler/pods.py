"""What each generation pod told last, and what is known by it. No I/O."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

import soban.v1 as pb
from soban.runtime.errors import LoadUnknown, ModelNotFound
from soban.runtime.nearest import hint
from soban.scaler.totals import Metric, activity_of, total_of


class Listener(Protocol):
    """Who wants to know of changes; `activity.py` has it."""

    def changed(self, models: Set[str], begun: Set[str]) -> None:
        """Whether these models have work may be different now; a pod has begun to have some for those of `begun`."""


@dataclass(frozen=True, slots=True)
class _Told:
    """By one pod."""

    at: float
    loads: Mapping[str, pb.ModelLoad]
    active: frozenset[str]


class Pods:
    """Pods are known by their address. What is read here is never changed, so that other threads may read it, too.

    A silent pod's numbers count for `stale_seconds`; then all sums are unknown until it tells again or is gone.
    """

    def __init__(self, stale_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stale_seconds = stale_seconds
        self._clock = clock
        self._told: Mapping[str, _Told | None] = {}
        self._listener: Listener | None = None

    def listener(self, listener: Listener) -> None:
        """Gets to know of changes from now on."""
        self._listener = listener

    def found(self, addresses: Set[str]) -> None:
        """These are the pods. One that is no longer there counts no longer: its numbers would never change again."""
        models = self.models
        self._told = {address: self._told.get(address) for address in addresses}
        self._tell(models, frozenset())

    def heard(self, address: str, loads: Iterable[pb.ModelLoad]) -> None:
        """A pod tells the load of all its models. What a pod tells that has gone is not heard."""
        if address not in self._told:
            return
        before, by_model = self._told[address], {load.model: load for load in loads}
        active = frozenset(model for model, load in by_model.items() if activity_of(load))
        begun = {model for model in active if not self._has_work(model)}
        self._told = {**self._told, address: _Told(self._clock(), by_model, active)}
        if before is None or not self._fresh(before):
            self._tell(by_model.keys(), begun)
        elif active != before.active or by_model.keys() != before.loads.keys():
            self._tell((active ^ before.active) | (by_model.keys() ^ before.loads.keys()), begun)

    @property
    def count(self) -> int:
        """Of known pods."""
        return len(self._told)

    @property
    def silent(self) -> int:
        """Of those whose numbers are missing or too old."""
        return sum(not self._fresh(told) for told in self._told.values())

    @property
    def complete(self) -> bool:
        """Whether there are pods and all tell."""
        return self.count > 0 and self.silent == 0

    @property
    def staleness(self) -> float | None:
        """Seconds since the pod told that has been silent longest; None when one never did, or there is none."""
        ages = [None if told is None else self._clock() - told.at for told in self._told.values()]
        known = [age for age in ages if age is not None]
        return max(known) if known and len(known) == len(ages) else None

    @property
    def models(self) -> Set[str]:
        """That any pod serves."""
        return {model for told in self._told.values() if told is not None for model in told.loads}

    def total(self, model: str, metric: Metric) -> float:
        """Over all pods that serve the model. Raises LoadUnknown, and ModelNotFound when all pods say they do not."""
        total = total_of(metric, self._loads(model))
        if total is None:
            raise LoadUnknown(f"a generation pod does not tell its {metric.value} yet", metadata={"model": model})
        return total

    def active(self, model: str) -> bool | None:
        """Whether any pod has anything to do for the model; None when that is unknown. One that has suffices, whatever
        others do not tell."""
        if self._has_work(model):
            return True
        try:
            return self.total(model, Metric.SEQUENCES) > 0
        except (LoadUnknown, ModelNotFound):
            return None

    def _loads(self, model: str) -> Sequence[pb.ModelLoad]:
        known = self._told.values()
        if not known:
            raise LoadUnknown("no generation pod is known", metadata={"model": model})
        if silent := self.silent:
            text = f"{silent} of {len(known)} generation pods do not tell their load"
            raise LoadUnknown(text, metadata={"model": model})
        loads = [told.loads[model] for told in known if told is not None and model in told.loads]
        if not loads:
            text = f"no generation pod serves a model named {model!r}{hint(model, self.models)}"
            raise ModelNotFound(text, metadata={"model": model})
        return loads

    def _has_work(self, model: str) -> bool:
        return any(told is not None and model in told.active and self._fresh(told) for told in self._told.values())

    def _fresh(self, told: _Told | None) -> bool:
        return told is not None and self._clock() - told.at <= self._stale_seconds

    def _tell(self, models: Set[str], begun: Set[str]) -> None:
        if self._listener is not None and models:
            self._listener.changed(models, begun)
