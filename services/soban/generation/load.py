"""Load of a model as this server sees it: `soban.v1.ModelLoad`. What is not known stays unset, it is never zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import soban.v1 as pb
from soban.generation.engine import Reading
from soban.runtime.errors import ModelNotFound


class ReplicaLoad(Protocol):
    """What is read of a replica; `replica.py` has it."""

    @property
    def reading(self) -> Reading | None:
        """The last, None while there is none that counts."""

    @property
    def reading_age(self) -> float | None:
        """Seconds since then."""


class PoolLoad(Protocol):
    """What is read of a model's replicas; `pool.py` has it."""

    def ready(self) -> Sequence[ReplicaLoad]:
        """Those that requests go to."""

    @property
    def slots(self) -> int:
        """Sequences that they take at once."""

    @property
    def loading(self) -> int:
        """How many are on their way to be ready."""


class QueueLoad(Protocol):
    """What is read of a model's queue; `admission.py` has it."""

    @property
    def running(self) -> int:
        """Sequences that were let through."""

    @property
    def queued(self) -> int:
        """Requests that wait for others."""

    @property
    def held(self) -> int:
        """Requests that wait for a replica."""


class InFlight(Protocol):
    """What is in flight; `work.py` has it."""

    @property
    def tokens_in_flight(self) -> int:
        """Of prompts and expected answers."""

    @property
    def prefill_backlog_seconds(self) -> float | None:
        """None while the speed is not known."""

    @property
    def knee(self) -> float | None:
        """None while not known."""


class Speed(Protocol):
    """What comes out; `throughput.py` has it."""

    def per_second(self) -> float:
        """Output tokens."""


def load_of(
    model: str, *, pool: PoolLoad, queue: QueueLoad, work: InFlight, speed: Speed, stranded: int = 0
) -> pb.ModelLoad:
    """Of one model now. `stranded` requests were let through and then lost their replica: they are held, too."""
    ready = pool.ready()
    load = pb.ModelLoad(
        model=model,
        ready_replicas=len(ready),
        loading_replicas=pool.loading,
        running=max(0, queue.running - stranded),
        slots=pool.slots,
        queued=queue.queued,
        held=queue.held + stranded,
        tokens_in_flight=max(0, work.tokens_in_flight),
        output_tokens_per_second=speed.per_second(),
    )
    _set(load, "prefill_backlog_seconds", work.prefill_backlog_seconds)
    _set(load, "knee", work.knee)
    _set(load, "kv_cache_use", _cache_use(ready))
    _set(load, "staleness_seconds", _staleness(ready))
    return load


def loads_of(known: Mapping[str, Callable[[], pb.ModelLoad]], names: Sequence[str]) -> list[pb.ModelLoad]:
    """Of the named models, all without names, each once and ordered by name. Raises ModelNotFound."""
    wanted = set(names) or known.keys()
    for name in sorted(wanted - known.keys())[:1]:
        raise ModelNotFound("no model of this name is served here", metadata={"model": name})
    return [known[name]() for name in sorted(wanted)]


def _cache_use(ready: Sequence[ReplicaLoad]) -> float | None:
    """Summed over all replicas; one that does not tell makes the sum unknown."""
    uses = [replica.reading.kv_cache_use for replica in ready if replica.reading is not None]
    told = [use for use in uses if use is not None]
    return sum(told) if ready and len(told) == len(ready) else None


def _staleness(ready: Sequence[ReplicaLoad]) -> float | None:
    """Of the oldest reading that tells anything."""
    ages = [replica.reading_age for replica in ready if replica.reading not in (None, Reading())]
    return max((age for age in ages if age is not None), default=None)


def _set(load: pb.ModelLoad, name: str, value: float | None) -> None:
    if value is not None:
        setattr(load, name, value)
