"""The sums as metrics."""

from __future__ import annotations

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from soban.runtime.telemetry import Telemetry
from soban.scaler.gauges import Gauges
from soban.scaler.pods import Pods
from unit.scaler.loads import load


def read(reader: InMemoryMetricReader) -> dict[str, dict[str, float]]:
    """Values by metric, and by the value of their only attribute."""
    data = reader.get_metrics_data()
    if data is None:
        return {}
    metrics = [metric for kind in data.resource_metrics for scope in kind.scope_metrics for metric in scope.metrics]
    return {
        metric.name: {
            "".join(str(value) for value in (point.attributes or {}).values()): point.value  # type: ignore[union-attr]
            for point in metric.data.data_points
        }
        for metric in metrics
    }


def test_sums_are_told_by_model_and_unknown_ones_are_not() -> None:
    """A missing series scales nothing down."""
    reader, pods = InMemoryMetricReader(), Pods(15.0)
    Gauges(Telemetry.of(MeterProvider([reader]), None), pods)
    pods.found({"a", "b"})
    pods.heard("a", [load("ko", running=2), load("ko-8b", prefill_backlog_seconds=None, tokens_in_flight=5, held=1)])
    before = read(reader)
    assert before["soban.scaler.generation_pods"] == {"telling": 1, "silent": 1}
    assert not {"soban.scaler.sequences", "soban.scaler.staleness"} & {
        name for name, points in before.items() if points
    }
    pods.heard("b", [load("ko", queued=1, kv_cache_use=0.5)])
    after = read(reader)
    assert after["soban.scaler.sequences"] == {"ko": 3, "ko-8b": 1}
    assert after["soban.scaler.prefill_backlog"] == {"ko": 0}
    assert after["soban.scaler.kv_cache_use"] == {"ko": 0.5, "ko-8b": 0}
    assert 0 <= after["soban.scaler.staleness"][""] < 15
