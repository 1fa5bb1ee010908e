"""The sums as metrics. One that is not known is not exported."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from opentelemetry.metrics import Observation

from soban.runtime import semconv
from soban.runtime.errors import LoadUnknown, ModelNotFound
from soban.runtime.semconv import Instrument
from soban.runtime.telemetry import Telemetry
from soban.scaler.pods import Pods
from soban.scaler.totals import Metric

_TOTALS = {
    Metric.SEQUENCES: Instrument(
        "soban.scaler.sequences", "{sequence}", "Sequences that run, are queued or held, over all generation pods."
    ),
    Metric.BACKLOG_SECONDS: Instrument(
        "soban.scaler.prefill_backlog", "s", "Time in which one replica would read all prompts without output."
    ),
    Metric.KV_CACHE: Instrument("soban.scaler.kv_cache_use", "1", "Full KV caches, over all replicas."),
}
_PODS = Instrument("soban.scaler.generation_pods", "{pod}", "Generation pods that tell their load, or do not.")
_STALENESS = Instrument("soban.scaler.staleness", "s", "Since the pod that is silent longest told its load.")
_STATE = "soban.pod.state"


class Gauges:
    """Of what `pods` tell. They are read on an exporter's thread."""

    def __init__(self, telemetry: Telemetry, pods: Pods) -> None:
        self._pods = pods
        for metric, instrument in _TOTALS.items():
            telemetry.gauge(instrument, lambda metric=metric: self._totals(metric))  # type: ignore[misc]
        telemetry.gauge(_PODS, self._count)
        telemetry.gauge(_STALENESS, self._staleness)

    def _totals(self, metric: Metric) -> Iterator[Observation]:
        for model in sorted(self._pods.models):
            with contextlib.suppress(LoadUnknown, ModelNotFound):
                yield Observation(self._pods.total(model, metric), {semconv.GEN_AI_REQUEST_MODEL: model})

    def _count(self) -> Iterator[Observation]:
        silent = self._pods.silent
        yield Observation(self._pods.count - silent, {_STATE: "telling"})
        yield Observation(silent, {_STATE: "silent"})

    def _staleness(self) -> Iterator[Observation]:
        if (seconds := self._pods.staleness) is not None:
            yield Observation(seconds)
