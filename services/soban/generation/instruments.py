"""Load, tokens, engine time and cost as metrics. A number that is not known is not exported."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future

from opentelemetry.metrics import Observation

import soban.v1 as pb
from soban.generation.engine import Usage
from soban.generation.tenants import TenantNames
from soban.runtime import semconv
from soban.runtime.semconv import Instrument
from soban.runtime.telemetry import Telemetry

_GAUGES: tuple[tuple[Instrument, str], ...] = (
    (semconv.GENERATION_RUNNING, "running"),
    (semconv.GENERATION_SLOTS, "slots"),
    (semconv.GENERATION_QUEUED, "queued"),
    (semconv.GENERATION_HELD, "held"),
    (semconv.GENERATION_TOKENS_IN_FLIGHT, "tokens_in_flight"),
    (semconv.GENERATION_PREFILL_BACKLOG, "prefill_backlog_seconds"),
    (semconv.GENERATION_KV_CACHE_USE, "kv_cache_use"),
    (semconv.GENERATION_KNEE, "knee"),
    (semconv.GENERATION_STALENESS, "staleness_seconds"),
    (semconv.GENERATION_OUTPUT_SPEED, "output_tokens_per_second"),
)
_STATES = {"ready": "ready_replicas", "loading": "loading_replicas"}

# Exporters read one gauge after the other, on a thread of their own.
_FRESH_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0

Read = Callable[[], Sequence[pb.ModelLoad]]


class LoadGauges:
    """`read` tells the load of all models; it runs on the event loop of whoever calls `start`, never beside it."""

    def __init__(self, telemetry: Telemetry, read: Read) -> None:
        self._read = read
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._lock = threading.Lock()
        self._taken: tuple[float, Sequence[pb.ModelLoad]] | None = None
        for instrument, field in _GAUGES:
            telemetry.gauge(instrument, lambda field=field: self._observe({"": field}))  # type: ignore[misc]
        telemetry.gauge(semconv.GENERATION_REPLICAS, lambda: self._observe(_STATES))

    def start(self) -> None:
        """Until then, and after `stop`, nothing is exported."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def stop(self) -> None:
        """The event loop may end."""
        self._loop = None

    def _observe(self, fields: dict[str, str]) -> Iterator[Observation]:
        for load in self._loads():
            for state, field in fields.items():
                if load.HasField(field):  # type: ignore[arg-type]
                    attributes = {semconv.GEN_AI_REQUEST_MODEL: load.model}
                    if state:
                        attributes[semconv.SOBAN_REPLICA_STATE] = state
                    yield Observation(getattr(load, field), attributes)

    def _loads(self) -> Iterable[pb.ModelLoad]:
        """As just now. Empty when the loop does not answer: a gap is better than an old number."""
        loop = self._loop
        if loop is None:
            return ()
        if threading.get_ident() == self._thread:
            return self._read()
        with self._lock:
            if self._taken is None or time.monotonic() - self._taken[0] > _FRESH_SECONDS:
                try:
                    self._taken = (time.monotonic(), self._read_on(loop))
                except (TimeoutError, RuntimeError):
                    return ()
            return self._taken[1]

    def _read_on(self, loop: asyncio.AbstractEventLoop) -> Sequence[pb.ModelLoad]:
        """Raises TimeoutError, and RuntimeError when the loop has ended."""
        answer: Future[Sequence[pb.ModelLoad]] = Future()

        def read() -> None:
            if answer.set_running_or_notify_cancel():
                answer.set_result(self._read())

        loop.call_soon_threadsafe(read)
        try:
            return answer.result(_PATIENCE_SECONDS)
        finally:
            answer.cancel()


class Spending:
    """Counts what requests used by model and tenant."""

    def __init__(self, telemetry: Telemetry, tenants: TenantNames) -> None:
        self._tenants = tenants
        self._tokens = telemetry.counter(semconv.GENERATION_TOKENS)
        self._time = telemetry.counter(semconv.GENERATION_ENGINE_TIME)
        self._cost = telemetry.counter(semconv.GENERATION_COST)

    def add(self, model: str, tenant: str, usage: Usage, engine_seconds: float, cost: pb.Cost | None) -> None:
        """One request that has ended, however: of the model that answered, not of a route."""
        who = {semconv.GEN_AI_REQUEST_MODEL: model, semconv.SOBAN_TENANT: self._tenants.name(tenant)}
        cached = min(usage.cached_input_tokens, usage.input_tokens)
        counts = {"input": usage.input_tokens - cached, "cached_input": cached, "output": usage.output_tokens}
        for kind, count in counts.items():
            if count > 0:
                self._tokens.add(count, {**who, semconv.GEN_AI_TOKEN_TYPE: kind})
        if engine_seconds > 0:
            self._time.add(engine_seconds, who)
        if cost is not None:
            for currency, micros in (("KRW", cost.krw_micros), ("USD", cost.usd_micros)):
                if micros > 0:
                    self._cost.add(micros / 1e6, {**who, semconv.SOBAN_CURRENCY: currency})
