"""Rules and dashboards ask for what the servers export, by names and labels as Prometheus has them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chart.exported import exported
from chart.helm import CHART, Chart
from chart.promql import OF_PROMETHEUS, labels_of, metrics_of
from soban.runtime.errors import SobanError

# Labels that Prometheus gives to each target of a ServiceMonitor.
OF_TARGETS = {"namespace", "service", "pod"}
DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))
WITH_RULES = {
    "prometheusRule": {"enabled": True},
    "serviceMonitor": {"enabled": True},
    "models": {"ko": {"url": "bundled:soban-demo", "maxReplicas": 3, "autoscaling": {"mode": "keda"}}},
}


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """All series of all services, with their labels."""
    series: dict[str, set[str]] = {}
    for of_service in exported().values():
        for name, labels in of_service.items():
            series.setdefault(name, set()).update(labels)
    return series


@pytest.fixture(scope="module")
def rules(chart: Chart) -> list[dict[str, Any]]:
    """Every rule of the chart."""
    objects = chart.render(WITH_RULES).of("PrometheusRule").values()
    return [rule for entry in objects for group in entry["spec"]["groups"] for rule in group["rules"]]


def test_every_metric_of_a_rule_is_exported_or_recorded(
    known: dict[str, set[str]], rules: list[dict[str, Any]]
) -> None:
    """A rule over a name that nobody writes never fires."""
    recorded = {rule["record"] for rule in rules if "record" in rule}
    for rule in rules:
        unknown = metrics_of(rule["expr"]) - known.keys() - recorded - OF_PROMETHEUS
        assert not unknown, f"{rule.get('record') or rule['alert']} reads {unknown}"


def test_every_rule_reads_something(rules: list[dict[str, Any]]) -> None:
    """The reader of expressions sees a metric in each; only a constant has none."""
    for rule in rules:
        assert metrics_of(rule["expr"]) or rule["expr"].startswith("vector("), rule


def test_every_label_of_a_rule_is_there(known: dict[str, set[str]], rules: list[dict[str, Any]]) -> None:
    """So does one that selects by a label that the series does not have."""
    labels = set().union(*known.values()) | OF_TARGETS
    for rule in rules:
        assert labels_of(rule["expr"]) <= labels, rule


def test_recorded_series_are_read_by_the_labels_that_they_have(rules: list[dict[str, Any]]) -> None:
    """What is recorded keeps namespace and service, by which alerts and triggers select it."""
    for rule in rules:
        if "record" in rule and "vector(" not in rule["expr"]:
            assert "namespace, service" in rule["expr"] or ":" in rule["expr"], rule["record"]


def test_reasons_of_errors_exist(rules: list[dict[str, Any]]) -> None:
    """Reasons that rules select by are reasons of the code."""
    reasons = {kind.reason for kind in _subclasses(SobanError)}
    named = {name for rule in rules for name in re.findall(r'error_type=~?"([A-Z_|]+)"', rule["expr"])}
    assert named
    assert {reason for names in named for reason in names.split("|")} <= reasons


def test_every_alert_says_what_to_do(rules: list[dict[str, Any]]) -> None:
    """A severity, a summary of one line and a description."""
    alerts = [rule for rule in rules if "alert" in rule]
    assert len({alert["alert"] for alert in alerts}) == len(alerts) >= 12
    for alert in alerts:
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert "\n" not in alert["annotations"]["summary"]
        assert alert["annotations"]["description"].endswith(".")


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_every_metric_of_a_dashboard_is_exported(file: Path, known: dict[str, set[str]]) -> None:
    """Dashboards work without the chart's rules, so that recorded series are not theirs to read."""
    for expression in _expressions(json.loads(file.read_text(encoding="utf-8"))):
        names, labels = metrics_of(expression), labels_of(expression)
        assert names, expression
        assert names <= known.keys() | OF_PROMETHEUS, expression
        assert labels <= set().union(*(known.get(name, set()) for name in names)) | OF_TARGETS, expression


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_panels_of_a_dashboard_are_told_apart_and_do_not_overlap(file: Path) -> None:
    """Grafana shows what is laid out by hand as it is."""
    board = json.loads(file.read_text(encoding="utf-8"))
    assert board["uid"] == f"soban-{file.stem}"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    cells = [cell for panel in board["panels"] for cell in _cells(panel["gridPos"])]
    assert len(set(cells)) == len(cells)


def test_dashboards_are_found_by_grafanas_sidecar(chart: Chart) -> None:
    """One ConfigMap for each file, with the label that the sidecar looks for, and valid JSON in it."""
    maps = chart.render({"dashboards": {"enabled": True}}).of("ConfigMap")
    boards = {name: entry for name, entry in maps.items() if "-dashboard-" in name}
    assert len(boards) == len(DASHBOARDS)
    for entry in boards.values():
        assert entry["metadata"]["labels"]["grafana_dashboard"] == "1"
        (text,) = entry["data"].values()
        assert json.loads(text)["title"].startswith("Soban / ")


def test_the_reader_of_expressions_knows_names_from_functions_and_labels() -> None:
    """As far as these expressions go."""
    expression = (
        'sum by (le, pod) (rate(a_total{b=~"c{}",d!="x"}[5m])) / on(pod) group_left(e) f:g:h > 0.5e3 or vector(1)'
    )
    assert metrics_of(expression) == {"a_total", "f:g:h"}
    assert labels_of(expression) == {"le", "pod", "b", "d", "e"}


def _expressions(board: dict[str, Any]) -> list[str]:
    panels = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    queries = [entry["query"]["query"] for entry in board["templating"]["list"] if entry["type"] == "query"]
    # label_values(series, label): the series, selecting by that label.
    return panels + [re.sub(r"label_values\((.*), (\w+)\)", r"sum by (\2) (\1)", query) for query in queries]


def _cells(place: dict[str, int]) -> list[tuple[int, int]]:
    columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    return [(column, row) for column in columns for row in rows]


def _subclasses(kind: type[SobanError]) -> list[type[SobanError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _subclasses(child))]
