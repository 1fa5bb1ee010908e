"""docs/scaler.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from soban.runtime.settings import ServerSettings
from soban.runtime.telemetry import Telemetry
from soban.scaler.gauges import Gauges
from soban.scaler.pods import Pods
from soban.scaler.settings import ScalerSettings
from soban.scaler.totals import Metric
from soban.scaler.trigger import read_trigger
from unit.scaler.loads import load

DOCS = (Path(__file__).parents[3] / "docs/scaler.md").read_text(encoding="utf-8")


def test_the_table_of_targets_is_whole() -> None:
    """Each key is one that a trigger takes, and asks for the metric beside it."""
    rows = dict(re.findall(r"^\| `(\w+)` \| `([a-z-]+)` \|", DOCS, re.MULTILINE))
    assert sorted(rows.values()) == sorted(metric.value for metric in Metric)
    for key, metric in rows.items():
        assert list(read_trigger({"model": "ko", key: "0.5"}, "").targets) == [Metric(metric)]


def test_the_trigger_that_is_shown_is_valid() -> None:
    """With all its keys."""
    shown = DOCS[DOCS.index("metadata:\n") : DOCS.index("```\n", DOCS.index("metadata:\n"))]
    metadata = dict(re.findall(r'^\s+(\w+): "?([^"\s]+)"?', shown, re.MULTILINE))
    trigger = read_trigger(metadata, "")
    assert trigger.targets == {Metric.SEQUENCES: 6, Metric.BACKLOG_SECONDS: 1.5, Metric.KV_CACHE: 0.8}


def test_every_setting_is_told_with_its_default() -> None:
    """Those that differ from other servers'."""
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", DOCS[DOCS.index("## Settings") :], re.MULTILINE))
    own = {
        str(field.alias): field.default
        for name, field in ScalerSettings.model_fields.items()
        if name not in ServerSettings.model_fields or field.default != ServerSettings.model_fields[name].default
    }
    assert {key: rows.get(key) for key in own} == {
        key: f"{default:g}" if isinstance(default, float) else str(default) for key, default in own.items()
    }


def test_every_metric_is_told() -> None:
    """By its name in Prometheus, where units are appended."""
    reader, pods = InMemoryMetricReader(), Pods(15.0)
    Gauges(Telemetry.of(MeterProvider([reader]), None), pods)
    pods.found({"a"})
    pods.heard("a", [load()])
    data = reader.get_metrics_data()
    assert data is not None
    metrics = [metric for kind in data.resource_metrics for scope in kind.scope_metrics for metric in scope.metrics]
    for metric in metrics:
        name = metric.name.replace(".", "_") + ("_seconds" if metric.unit == "s" else "")
        assert f"`{name}`" in DOCS, name
