"""What stands around the workloads: monitors, routes from outside, `helm test`, notes."""

from __future__ import annotations

import ast

import pytest

from chart.helm import CHART, Chart
from chart.objects import env_of

EVERYTHING = {
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "grpcRoute": {"enabled": True, "parentRefs": [{"name": "edge"}], "hostnames": ["soban.example"]},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "edge"}]},
}
CHECKS = ("health", "chat", "stream", "refusal")


def test_monitors_find_services_and_engines(chart: Chart) -> None:
    """By labels that they have and ports that exist."""
    objects = chart.render(EVERYTHING)
    monitor = objects.one("ServiceMonitor", "soban")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    selector = monitor["spec"]["selector"]["matchLabels"]
    measured = {
        name
        for name, service in objects.of("Service").items()
        if selector.items() <= service["metadata"]["labels"].items()
        and "metrics" in {port["name"] for port in service["spec"]["ports"]}
    }
    assert measured == {f"soban-{name}" for name in ("gateway", "tokenization", "safety", "generation", "scaler")}
    engines = objects.one("PodMonitor", "soban-engines")["spec"]["selector"]["matchLabels"]
    assert [pod.component for pod in objects.pods() if engines.items() <= pod.metadata["labels"].items()] == ["engine"]


def test_grpc_from_outside_reaches_what_clients_use(chart: Chart) -> None:
    """Chat at the gateway, morphology at tokenization; safety and generation are not there to be called."""
    spec = chart.render(EVERYTHING).one("GRPCRoute", "soban-grpc")["spec"]
    routed = {
        match["method"]["service"]: rule["backendRefs"][0]["name"]
        for rule in spec["rules"]
        for match in rule["matches"]
    }
    assert routed["soban.v1.ChatService"] == "soban-gateway"
    assert routed["soban.v1.TokenizationService"] == "soban-tokenization"
    assert not {"soban.v1.SafetyService", "soban.v1.GenerationService"} & routed.keys()
    assert spec["hostnames"] == ["soban.example"]


def test_tokenization_can_stay_inside(chart: Chart) -> None:
    """One key."""
    values = {"grpcRoute": {**EVERYTHING["grpcRoute"], "tokenization": False}}
    assert "tokenization" not in str(chart.render(values).one("GRPCRoute", "soban-grpc")["spec"])


def test_a_gateway_does_not_cut_long_answers_off(chart: Chart) -> None:
    """The route's timeout is the longest stream; those of gateways are 15 s and the like."""
    (rule,) = chart.render({**EVERYTHING, "longestStreamSeconds": 900}).one("HTTPRoute", "soban-http")["spec"]["rules"]
    assert rule["timeouts"] == {"request": "900s"}
    assert rule["backendRefs"] == [{"name": "soban-gateway", "port": 8080}]


def test_backends_of_routes_exist(chart: Chart) -> None:
    """With the port that the route names."""
    objects = chart.render(EVERYTHING)
    for kind, name in (("GRPCRoute", "soban-grpc"), ("HTTPRoute", "soban-http")):
        for rule in objects.one(kind, name)["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                ports = objects.one("Service", backend["name"])["spec"]["ports"]
                assert backend["port"] in {port["port"] for port in ports}


@pytest.mark.parametrize("check", CHECKS)
def test_helm_test_has_a_pod_for_each_check(chart: Chart, check: str) -> None:
    """It asks the gateway for a model that is there, and goes when it has passed."""
    objects = chart.render(
        {
            "models": {
                "asleep": {"url": "bundled:soban-demo", "minReplicas": 0, "maxReplicas": 1},
                "ko": {"url": "bundled:soban-demo"},
            }
        }
    )
    pod = objects.one("Pod", f"soban-test-{check}")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert "hook-succeeded" in pod["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
    (container,) = pod["spec"]["containers"]
    assert container["command"][-1] == check
    environment = env_of(container)
    assert environment["SOBAN_GATEWAY"].endswith("soban-gateway.soban.svc.cluster.local:50051")
    assert environment["SOBAN_MODEL"] == "ko"


def test_checks_are_those_of_the_script(chart: Chart) -> None:
    """Each is a function of files/checks.py, and the script is the one in the ConfigMap."""
    text = (CHART / "files" / "checks.py").read_text(encoding="utf-8")
    functions = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    assert set(CHECKS) <= functions
    assert chart.render().one("ConfigMap", "soban-checks")["data"]["checks.py"].strip() == text.strip()


def test_tests_can_be_left_out(chart: Chart) -> None:
    """Pods, script and policy."""
    objects = chart.render({"tests": {"enabled": False}})
    assert not objects.of("Pod")
    assert "soban-checks" not in objects.of("ConfigMap")


def test_notes_show_the_first_request(chart: Chart) -> None:
    """By curl and by gRPC, in Korean, for a model that answers at once, and how to see the pools."""
    notes = chart.notes({"models": {"ko-8b": {"url": "bundled:soban-demo", "maxReplicas": 4}}})
    assert "port-forward service/soban-gateway 50051 8080:8080" in notes
    assert '"model": "ko-8b", "stream": true' in notes
    assert "안녕하세요" in notes
    assert "soban chat --address 127.0.0.1:50051 --model ko-8b" in notes
    assert "ko-8b: 1 to 4 of llamacpp, by KEDA" in notes
    assert "get scaledobjects,hpa" in notes
    assert "helm test soban -n soban" in notes


def test_notes_of_a_pool_without_a_scaler_name_none(chart: Chart) -> None:
    """The demo."""
    notes = chart.notes()
    assert "soban-demo: 1 of llamacpp" in notes
    assert "scaledobjects" not in notes


def test_without_a_gateway_there_is_nothing_to_check(chart: Chart) -> None:
    """`helm test` asks the gateway."""
    objects = chart.render({"services": {"gateway": {"enabled": False}}})
    assert not objects.of("Pod")
    assert "soban-checks" not in objects.of("ConfigMap")
