"""Network policies: nothing passes but what one request needs."""

from __future__ import annotations

import pytest

from chart.helm import Chart
from chart.objects import Object, Objects

# Who calls whom; everything else is refused.
EDGES = {
    ("gateway", "safety"),
    ("gateway", "generation"),
    ("generation", "engine"),
    ("scaler", "generation"),
    ("test", "gateway"),
}
COMPONENTS = ("gateway", "tokenization", "safety", "generation", "scaler", "engine", "test")


@pytest.fixture
def objects(chart: Chart) -> Objects:
    """With clients that are said, so that every edge has two ends."""
    clients = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "apps"}}}]
    return chart.render({"networkPolicy": {"clients": clients}})


def test_all_pods_are_denied_first(objects: Objects) -> None:
    """One policy selects every pod of the release, both ways, and lets only DNS out."""
    spec = objects.one("NetworkPolicy", "soban")["spec"]
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in spec
    assert {port["port"] for rule in spec["egress"] for port in rule["ports"]} == {53}
    for pod in objects.pods():
        assert spec["podSelector"]["matchLabels"].items() <= pod.metadata["labels"].items(), pod.owner


@pytest.mark.parametrize("caller", COMPONENTS)
def test_pods_may_call_whom_they_need(objects: Objects, caller: str) -> None:
    """Both ends agree: what may go out may come in."""
    out = {callee for callee in COMPONENTS if _allows(_rules(objects, caller, "egress"), callee, "to")}
    into = {callee for callee in COMPONENTS if _allows(_rules(objects, callee, "ingress"), caller, "from")}
    wanted = {callee for from_, callee in EDGES if from_ == caller}
    assert out == wanted
    assert into == wanted


def test_only_generation_reaches_the_api_server(objects: Objects) -> None:
    """Rules without peers reach everything; only it has some, at the API server's ports."""
    for component in COMPONENTS:
        open_ports = {
            port["port"] for rule in _rules(objects, component, "egress") if "to" not in rule for port in rule["ports"]
        }
        assert open_ports == ({443, 6443} if component == "generation" else set()), component


def test_keda_may_ask_the_scaler(objects: Objects) -> None:
    """By its namespace."""
    assert "kubernetes.io/metadata.name': 'keda'" in str(_rules(objects, "scaler", "ingress"))


def test_clients_reach_the_gateway(objects: Objects) -> None:
    """At both of its ports, and nobody else's."""
    for component in COMPONENTS:
        let_in = "'kubernetes.io/metadata.name': 'apps'" in str(_rules(objects, component, "ingress"))
        assert let_in == (component in {"gateway", "tokenization"}), component


def test_metrics_are_read_from_one_namespace(objects: Objects) -> None:
    """At the metrics port of services."""
    for component in ("gateway", "tokenization", "safety", "generation", "scaler"):
        rules = [rule for rule in _rules(objects, component, "ingress") if {"port": "metrics"} in rule["ports"]]
        assert len(rules) == 1, component
        assert "'kubernetes.io/metadata.name': 'monitoring'" in str(rules[0]["from"]), component


def test_policies_can_be_left_to_others(chart: Chart) -> None:
    """Where the site has its own."""
    assert not chart.render({"networkPolicy": {"enabled": False}}).of("NetworkPolicy")


def test_a_download_opens_the_net_for_its_pool_alone(chart: Chart) -> None:
    """No pod of another pool gets out."""
    models = {
        "far": {"url": "hf://skt/A.X-4.0-Light", "engine": "vllm", "resourceProfile": "nvidia-l4"},
        "near": {"url": "bundled:soban-demo"},
    }
    objects = chart.render({"models": models})
    opened = [
        entry["spec"]["podSelector"]["matchLabels"]
        for entry in objects.of("NetworkPolicy").values()
        if any("to" not in rule for rule in entry["spec"].get("egress", []))
    ]
    far, near = (objects.pod(f"soban-engine-{name}").metadata["labels"] for name in ("far", "near"))
    assert any(selector.items() <= far.items() for selector in opened)
    assert not any(selector.items() <= near.items() for selector in opened)


def test_a_collector_may_have_an_address_of_ipv6(chart: Chart) -> None:
    """The port is what follows the brackets."""
    objects = chart.render({"telemetry": {"otlpEndpoint": "http://[fd00::1]:4318"}})
    assert {"ports": [{"port": 4318}]} in _rules(objects, "gateway", "egress")


def _rules(objects: Objects, component: str, way: str) -> list[Object]:
    """Of all policies that select the pods of a component alone."""
    return [
        rule
        for entry in objects.of("NetworkPolicy").values()
        if entry["spec"]["podSelector"]["matchLabels"].get("app.kubernetes.io/component") == component
        for rule in entry["spec"].get(way) or []
    ]


def _allows(rules: list[Object], component: str, key: str) -> bool:
    peers = [peer.get("podSelector", {}).get("matchLabels", {}) for rule in rules for peer in rule.get(key, [])]
    return any(peer.get("app.kubernetes.io/component") == component for peer in peers)
