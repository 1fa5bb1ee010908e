"""Values that cannot work are refused before anything is installed, with the name of the key."""

from __future__ import annotations

from typing import Any

import pytest

from chart.helm import Chart

KO = {"url": "bundled:soban-demo"}

BY_SCHEMA: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown key": ({"modles": {}}, ("modles",)),
    "unknown key of a model": ({"models": {"ko": {**KO, "paralel": 4}}}, ("/models/ko", "paralel")),
    "model without url": ({"models": {"ko": {"engine": "vllm"}}}, ("/models/ko", "url")),
    "unknown engine": ({"models": {"ko": {**KO, "engine": "ollama"}}}, ("/models/ko/engine", "llamacpp")),
    "negative replicas": ({"models": {"ko": {**KO, "minReplicas": -1}}}, ("/models/ko/minReplicas",)),
    "no replicas at most": ({"models": {"ko": {**KO, "maxReplicas": 0}}}, ("/models/ko/maxReplicas",)),
    "text for a number": ({"models": {"ko": {**KO, "parallel": "8"}}}, ("/models/ko/parallel", "integer")),
    "unknown trigger": (
        {"models": {"ko": {**KO, "autoscaling": {"trigger": "push"}}}},
        ("/models/ko/autoscaling/trigger", "external-push"),
    ),
    "unknown mode": ({"autoscaling": {"mode": "auto"}}, ("/autoscaling/mode", "keda")),
    "target of zero": (
        {"models": {"ko": {**KO, "autoscaling": {"targets": {"sequences": 0}}}}},
        ("/models/ko/autoscaling/targets/sequences",),
    ),
    "unknown target": (
        {"models": {"ko": {**KO, "autoscaling": {"targets": {"queue": 3}}}}},
        ("/models/ko/autoscaling/targets", "queue"),
    ),
    "policy without a period": (
        {"autoscaling": {"behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 1}]}}}},
        ("/autoscaling/behavior/scaleUp/policies/0", "periodSeconds"),
    ),
    "claim without a name": ({"models": {"ko": {**KO, "source": {"pvc": {}}}}}, ("/models/ko/source/pvc", "claimName")),
    "source of an unknown kind": ({"models": {"ko": {**KO, "source": {"s3": {}}}}}, ("/models/ko/source", "s3")),
    "image of weights without a version": (
        {"models": {"ko": {**KO, "source": {"image": {"repository": "weights"}}}}},
        ("/models/ko/source/image",),
    ),
    "folder that is not absolute": (
        {"models": {"ko": {**KO, "source": {"hostPath": {"path": "models"}}}}},
        ("/models/ko/source/hostPath/path",),
    ),
    "address without a scheme": ({"models": {"ko": {**KO, "address": "10.0.0.7:8000"}}}, ("/models/ko/address",)),
    "price without a currency": (
        {"models": {"ko": {**KO, "price": {"engineHour": 1}}}},
        ("/models/ko/price", "currency"),
    ),
    "digest that is none": ({"image": {"digest": "latest"}}, ("/image/digest",)),
    "unknown service": ({"services": {"tokenizer": {}}}, ("/services", "tokenizer")),
    "unknown key of a service": ({"services": {"safety": {"replica": 2}}}, ("/services/safety", "replica")),
    "service scaled to nothing": (
        {"services": {"safety": {"autoscaling": {"mode": "hpa", "minReplicas": 0}}}},
        ("/services/safety/autoscaling/minReplicas",),
    ),
    "root": ({"podSecurity": {"user": 0}}, ("/podSecurity/user",)),
    "endless streams": ({"longestStreamSeconds": 0}, ("/longestStreamSeconds",)),
    "GPUs without a number": ({"resourceProfiles": {"h200": {"gpu": {}}}}, ("/resourceProfiles/h200/gpu", "count")),
    "collector without a scheme": ({"telemetry": {"otlpEndpoint": "collector:4317"}}, ("/telemetry/otlpEndpoint",)),
    "limit of an alert that is none": (
        {"prometheusRule": {"limits": {"errorRatio": "1%"}}},
        ("/prometheusRule/limits/errorRatio",),
    ),
    "label by which pods are found": ({"commonLabels": {"app.kubernetes.io/name": "a"}}, ("app.kubernetes.io/name",)),
    "token in plain text": ({"download": {"tokenSecret": "hf_abc"}}, ("/download/tokenSecret",)),
}

VLLM = {"url": "hf://skt/A.X-4.0-Light", "engine": "vllm", "resourceProfile": "nvidia-l4"}

BY_TEMPLATE: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "two sources": (
        {"models": {"ko": {**VLLM, "source": {"pvc": {"claimName": "a"}, "hostPath": {"path": "/a"}}}}},
        ("models.ko.source", "hostPath and pvc"),
    ),
    "file without a volume": (
        {"models": {"ko": {"url": "file:/models/a.gguf"}}},
        ("models.ko.url", "models.ko.source"),
    ),
    "download of a file": (
        {"models": {"ko": {"url": "file:/models/a.gguf", "source": {"download": {}}}}},
        ("models.ko.source.download", "hf://"),
    ),
    "llama.cpp without GGUF": ({"models": {"ko": {**VLLM, "engine": "llamacpp"}}}, ("models.ko", "GGUF")),
    "engine of others without an address": (
        {"models": {"ko": {**KO, "engine": "external", "dataLeaves": True}}},
        ("models.ko", "external", "address"),
    ),
    "fewer at most than at least": (
        {"models": {"ko": {**KO, "minReplicas": 4, "maxReplicas": 2}}},
        ("models.ko.maxReplicas", "models.ko.minReplicas"),
    ),
    "fewer pods at most than at least": (
        {"services": {"gateway": {"autoscaling": {"mode": "hpa", "minReplicas": 9}}}},
        ("services.gateway.autoscaling.maxReplicas",),
    ),
    "adapters of an engine that has none": (
        {"models": {"ko": {**VLLM, "engine": "openvino", "adapters": {"polite": "/models/polite"}}}},
        ("models.ko.adapters", "openvino"),
    ),
    "two keys of an engine": (
        {"models": {"ko": {**VLLM, "address": "http://a/v1", "keyEnv": "K", "keySecret": {"name": "a", "key": "k"}}}},
        ("models.ko.keySecret", "keyEnv"),
    ),
    "HPA to zero": (
        {"models": {"ko": {**KO, "minReplicas": 0, "maxReplicas": 2, "autoscaling": {"mode": "hpa"}}}},
        ("models.ko.minReplicas", "keda"),
    ),
    "cache that is not told": (
        {"models": {"ko": {**KO, "maxReplicas": 2, "autoscaling": {"targets": {"sequences": 6, "kvCache": 0.8}}}}},
        ("models.ko.autoscaling.targets.kvCache", "llamacpp", "vllm"),
    ),
    "setting that is the chart's": (
        {"services": {"safety": {"settings": {"port": 1}}}},
        ("services.safety.settings.port",),
    ),
    "rules that are not there": (
        {"models": {"ko": {**KO, "maxReplicas": 2, "autoscaling": {"trigger": "prometheus"}}}},
        ("models.ko.autoscaling.trigger", "prometheusRule.enabled"),
    ),
    "Prometheus without an address": (
        {
            "prometheusRule": {"enabled": True},
            "models": {"ko": {**KO, "maxReplicas": 2, "autoscaling": {"trigger": "prometheus"}}},
        },
        ("models.ko.autoscaling.trigger", "keda.prometheus.serverAddress"),
    ),
    "route without a Gateway": ({"grpcRoute": {"enabled": True}}, ("grpcRoute.parentRefs",)),
    "HTTP route without a Gateway": ({"httpRoute": {"enabled": True}}, ("httpRoute.parentRefs",)),
    "route to no gateway": (
        {"services": {"gateway": {"enabled": False}}, "grpcRoute": {"enabled": True, "parentRefs": [{"name": "edge"}]}},
        ("grpcRoute.enabled", "services.gateway.enabled"),
    ),
    "HTTP route to no gateway": (
        {"services": {"gateway": {"enabled": False}}, "httpRoute": {"enabled": True, "parentRefs": [{"name": "edge"}]}},
        ("httpRoute.enabled", "services.gateway.enabled"),
    ),
    "air-gapped download": (
        {"global": {"airGapped": True}, "models": {"ko": VLLM}},
        ("global.airGapped", "models.ko.url"),
    ),
    "air-gapped API of somebody else": (
        {
            "global": {"airGapped": True},
            "models": {
                "ko": {"url": "x", "engine": "external", "address": "https://api.example.com/v1", "dataLeaves": True}
            },
        },
        ("global.airGapped", "models.ko.dataLeaves"),
    ),
}


@pytest.mark.parametrize("mistake", BY_SCHEMA)
def test_schema_refuses(chart: Chart, mistake: str) -> None:
    """A mistake that can be seen in one place, by the path of the key."""
    values, parts = BY_SCHEMA[mistake]
    told = chart.refusal(values)
    assert "specifications of the schema" in told
    assert all(part in told for part in parts), told


@pytest.mark.parametrize("mistake", BY_TEMPLATE)
def test_templates_refuse(chart: Chart, mistake: str) -> None:
    """What does not fit together, by the names of both keys."""
    values, parts = BY_TEMPLATE[mistake]
    told = chart.refusal(values)
    assert all(part in told for part in parts), told


def test_an_old_cluster_is_refused_image_volumes(chart: Chart) -> None:
    """They are stable from 1.35 on."""
    source = {"image": {"repository": "weights", "tag": "1"}}
    told = chart.refusal({"models": {"ko": {**VLLM, "source": source}}}, kube_version="1.34.2")
    assert "models.ko.source.image" in told
    assert "1.35" in told


NEEDS = {
    "keda.sh/v1alpha1/ScaledObject": {"models": {"ko": {**KO, "maxReplicas": 2}}},
    "monitoring.coreos.com/v1/PrometheusRule": {"prometheusRule": {"enabled": True}},
    "monitoring.coreos.com/v1/ServiceMonitor": {"serviceMonitor": {"enabled": True}},
    "gateway.networking.k8s.io/v1/GRPCRoute": {"grpcRoute": {"enabled": True, "parentRefs": [{"name": "edge"}]}},
    "gateway.networking.k8s.io/v1/HTTPRoute": {"httpRoute": {"enabled": True, "parentRefs": [{"name": "edge"}]}},
}


@pytest.mark.parametrize("api", NEEDS)
def test_missing_apis_are_named(chart: Chart, api: str) -> None:
    """An object that the cluster does not know is refused with what to install, or how to render all the same."""
    told = chart.refusal(NEEDS[api], apis=())
    assert api in told
    assert "Install it first" in told
    assert "checkApis=false" in told


@pytest.mark.parametrize("api", NEEDS)
def test_apis_need_not_be_there_to_render(chart: Chart, api: str) -> None:
    """With checkApis false, for `helm template`."""
    kind = api.rsplit("/", 1)[-1]
    assert chart.render({**NEEDS[api], "checkApis": False}, apis=()).of(kind)


def test_the_chart_alone_needs_nothing_of_others(chart: Chart) -> None:
    """Its own values install on any cluster."""
    assert len(chart.render(apis=())) > 10
