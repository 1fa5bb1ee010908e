"""Who scales what, by which numbers."""

from __future__ import annotations

from typing import Any

import pytest

from chart.helm import Chart
from soban.scaler.totals import Metric
from soban.scaler.trigger import read_trigger

DEMO = {"url": "bundled:soban-demo"}
VLLM = {"url": "hf://skt/A.X-4.0-Light", "engine": "vllm", "resourceProfile": "nvidia-l4"}


def pool(**keys: Any) -> dict[str, Any]:
    """Values with one model."""
    return {"models": {"ko": {**DEMO, "maxReplicas": 4, **keys}}}


def scaled(chart: Chart, values: dict[str, Any]) -> dict[str, Any]:
    """The spec of its ScaledObject."""
    spec: dict[str, Any] = chart.render(values).one("ScaledObject", "soban-engine-ko")["spec"]
    return spec


def test_a_pool_of_one_size_is_not_scaled(chart: Chart) -> None:
    """Its Deployment says how many replicas it has."""
    objects = chart.render(pool(minReplicas=2, maxReplicas=2))
    assert not objects.of("ScaledObject")
    assert not objects.of("HorizontalPodAutoscaler")
    assert objects.one("Deployment", "soban-engine-ko")["spec"]["replicas"] == 2


@pytest.mark.parametrize("mode", ["hpa", "keda"])
def test_nobody_but_the_autoscaler_says_replicas(chart: Chart, mode: str) -> None:
    """An upgrade would set them back otherwise."""
    values = pool(autoscaling={"mode": mode}) | {"services": {"safety": {"autoscaling": {"mode": mode}}}}
    objects = chart.render(values)
    for name in ("soban-engine-ko", "soban-safety"):
        assert "replicas" not in objects.one("Deployment", name)["spec"]
    assert objects.one("Deployment", "soban-gateway")["spec"]["replicas"] == 2


def test_every_autoscaler_has_a_target_of_its_own(chart: Chart) -> None:
    """Two on one Deployment fight, and one without a Deployment does nothing."""
    services = {name: {"autoscaling": {"mode": "hpa"}} for name in ("gateway", "tokenization", "safety", "generation")}
    objects = chart.render(pool() | {"services": services})
    targets = [
        entry["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for entry in objects.of(kind).values()
    ]
    assert sorted(targets) == sorted(set(targets))
    assert set(targets) <= objects.of("Deployment").keys()
    assert len(targets) == 5


@pytest.mark.parametrize("trigger", ["external-push", "external"])
def test_the_scaler_understands_its_trigger(chart: Chart, trigger: str) -> None:
    """The scaler's own reader accepts the metadata, and finds the targets in it."""
    targets = {"sequences": 12, "backlogSeconds": 1.5, "kvCache": 0.8}
    (entry,) = scaled(chart, pool(**VLLM, autoscaling={"trigger": trigger, "targets": targets}))["triggers"]
    assert entry["type"] == trigger
    assert entry["metricType"] == "AverageValue"
    assert entry["metadata"]["scalerAddress"] == "soban-scaler.soban.svc.cluster.local:50064"
    read = read_trigger(entry["metadata"], "metadata")
    assert read.model == "ko"
    assert read.targets == {Metric.SEQUENCES: 12, Metric.BACKLOG_SECONDS: 1.5, Metric.KV_CACHE: 0.8}


@pytest.mark.parametrize(("parallel", "target"), [(None, 24), (8, 6), (40, 30), (1, 1)])
def test_without_targets_a_replica_has_three_quarters_of_its_sequences(
    chart: Chart, parallel: int | None, target: int
) -> None:
    """Of `parallel`, which is 32 by default."""
    keys = {} if parallel is None else {"parallel": parallel}
    (entry,) = scaled(chart, pool(**keys))["triggers"]
    assert read_trigger(entry["metadata"], "metadata").targets == {Metric.SEQUENCES: target}


def test_a_sleeping_pool_wakes_by_push(chart: Chart) -> None:
    """From 0, with a cooldown before it sleeps again, and a wait for requests that is as long as its start."""
    values = pool(minReplicas=0, autoscaling={"cooldownSeconds": 900})
    spec = scaled(chart, values)
    assert (spec["minReplicaCount"], spec["maxReplicaCount"], spec["cooldownPeriod"]) == (0, 4, 900)
    assert spec["triggers"][0]["type"] == "external-push"
    assert "holdSeconds: 300" in chart.render(values).config()


def test_no_answer_of_the_scaler_takes_replicas_away(chart: Chart) -> None:
    """The fallback is what runs, or more."""
    spec = scaled(chart, pool(autoscaling={"fallback": {"failureThreshold": 5, "replicas": 2}}))
    assert spec["fallback"] == {"failureThreshold": 5, "replicas": 2, "behavior": "currentReplicasIfHigher"}


def test_behavior_of_a_pool_goes_to_its_hpa(chart: Chart) -> None:
    """What a model says goes over what all have."""
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 600}}
    told = scaled(chart, pool(autoscaling={"behavior": behavior}))["advanced"]["horizontalPodAutoscalerConfig"]
    assert told["name"] == "soban-engine-ko"
    assert told["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 600
    assert told["behavior"]["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    assert told["behavior"]["scaleUp"]["stabilizationWindowSeconds"] == 0


def test_prometheus_triggers_read_recorded_series(chart: Chart) -> None:
    """One for each target; every series that they ask for is recorded, under the labels that they select by."""
    autoscaling = {"trigger": "prometheus", "targets": {"sequences": 12, "backlogSeconds": 2, "kvCache": 0.8}}
    prometheus = {"serverAddress": "http://prometheus:9090", "authentication": {"name": "access"}}
    values = pool(**VLLM, autoscaling=autoscaling) | {
        "prometheusRule": {"enabled": True},
        "keda": {"prometheus": prometheus},
    }
    triggers = scaled(chart, values)["triggers"]
    assert [entry["name"] for entry in triggers] == [metric.value for metric in Metric]
    groups = chart.render(values).one("PrometheusRule", "soban-recording")["spec"]["groups"]
    recorded = {rule["record"] for group in groups for rule in group["rules"]}
    for entry in triggers:
        name, matchers = entry["metadata"]["query"].split("{", 1)
        assert name in recorded
        assert matchers == 'namespace="soban",service="soban-generation",gen_ai_request_model="ko"}'
        assert entry["metadata"]["ignoreNullValues"] == "false"
        assert entry["authenticationRef"] == {"name": "access"}


def test_alerts_on_the_scaler_are_there_only_where_a_pool_asks_it(chart: Chart) -> None:
    """An alert on a service that nobody asks would never end."""
    rules = {"prometheusRule": {"enabled": True}}
    asked = chart.render(pool() | rules).one("PrometheusRule", "soban-alerts")
    alone = chart.render(rules).one("PrometheusRule", "soban-alerts")
    assert "SobanScalerNotAsked" in str(asked)
    assert "SobanScalerNotAsked" not in str(alone)


def test_services_scale_on_processors(chart: Chart) -> None:
    """By HPA v2 with both directions said."""
    values = {"services": {"gateway": {"autoscaling": {"mode": "hpa", "maxReplicas": 5, "cpuPercent": 60}}}}
    spec = chart.render(values).one("HorizontalPodAutoscaler", "soban-gateway")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
    target = {"type": "Utilization", "averageUtilization": 60}
    assert spec["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    assert spec["behavior"].keys() == {"scaleUp", "scaleDown"}


def test_services_scale_on_calls_in_flight_besides(chart: Chart) -> None:
    """By KEDA, where that is asked for."""
    autoscaling = {"mode": "keda", "callsInFlight": 50}
    prometheus = {"serverAddress": "http://prometheus:9090"}
    objects = chart.render({"services": {"safety": {"autoscaling": autoscaling}}, "keda": {"prometheus": prometheus}})
    triggers = objects.one("ScaledObject", "soban-safety")["spec"]["triggers"]
    assert [entry["type"] for entry in triggers] == ["cpu", "prometheus"]
    assert triggers[1]["metadata"]["threshold"] == "50"


def test_engines_of_others_are_not_scaled(chart: Chart) -> None:
    """They have no Deployment here."""
    objects = chart.render(pool(address="http://10.0.0.7:8000"))
    assert not objects.of("ScaledObject")
    assert "soban-engine-ko" not in objects.of("Deployment")
