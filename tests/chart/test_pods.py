"""What holds for every pod of every example: restricted pod security, probes, resources, images."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from chart.helm import Chart, examples
from chart.objects import Object, Pod

pytestmark = pytest.mark.parametrize("example", examples())

# Allowed by the restricted profile: kubernetes.io/docs/concepts/security/pod-security-standards.
RESTRICTED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def test_pods_are_restricted(chart: Chart, example: str) -> None:
    """Nobody is root, gains rights or sees the host."""
    for pod in chart.render(example=example).pods():
        spec = pod.spec
        assert spec["securityContext"]["runAsNonRoot"] is True, pod.owner
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, pod.owner
        assert spec["securityContext"]["runAsUser"] > 0, pod.owner
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), pod.owner
        kinds = {key for volume in spec.get("volumes", []) for key in volume.keys() - {"name"}}
        assert kinds <= RESTRICTED_VOLUMES, pod.owner


def test_containers_are_restricted(chart: Chart, example: str) -> None:
    """No capability, no way up, nothing to write to but what is mounted for it."""
    for owner, container in containers(chart, example):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, owner
        assert context["capabilities"] == {"drop": ["ALL"]}, owner
        assert context["readOnlyRootFilesystem"] is True, owner
        assert not context.get("privileged"), owner


def test_only_generation_has_a_token(chart: Chart, example: str) -> None:
    """It watches endpoints; nobody else talks to the API server."""
    for pod in chart.render(example=example).pods():
        assert pod.spec["automountServiceAccountToken"] is (pod.component == "generation"), pod.owner
        if pod.component != "test":
            assert pod.spec["serviceAccountName"] != "default", pod.owner


def test_containers_say_what_they_need(chart: Chart, example: str) -> None:
    """Requests for the scheduler, and a limit of memory."""
    for owner, container in containers(chart, example):
        resources = container["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys(), owner
        assert "memory" in resources["limits"], owner
        for name, amount in resources["limits"].items():
            if "/" in name:  # GPUs and other extended resources: Kubernetes wants both the same
                assert resources["requests"].get(name, amount) == amount, owner


def test_images_are_versions_not_latest(chart: Chart, example: str) -> None:
    """A tag that says which, or a digest."""
    for owner, container in containers(chart, example):
        image = container["image"]
        tagged = re.search(r":([^/@]+)(@sha256:[0-9a-f]{64})?$", image)
        assert "@sha256:" in image or tagged, f"{owner}: {image}"
        assert tagged is None or tagged[1] != "latest", f"{owner}: {image}"
        assert container.get("imagePullPolicy", "IfNotPresent") in {"IfNotPresent", "Never"}, owner


def test_servers_have_probes_that_differ(chart: Chart, example: str) -> None:
    """A pod that drains is not ready, and it is alive."""
    for pod in servers(chart, example):
        (container,) = pod.spec["containers"]
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys(), pod.owner
        if pod.component != "engine":
            assert container["livenessProbe"]["grpc"]["service"] == "live", pod.owner
            assert container["readinessProbe"]["grpc"]["service"] == "ready", pod.owner


def test_servers_wait_before_they_end(chart: Chart, example: str) -> None:
    """A native sleep until endpoints forgot the pod, and a grace that is longer than it and the longest stream."""
    for pod in servers(chart, example):
        (container,) = pod.spec["containers"]
        sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert 0 < sleep < pod.spec["terminationGracePeriodSeconds"], pod.owner


def test_servers_spread_over_nodes(chart: Chart, example: str) -> None:
    """Replicas of one kind share no node where there is another."""
    for pod in servers(chart, example):
        keys = {rule["topologyKey"] for rule in pod.spec["topologySpreadConstraints"]}
        assert "kubernetes.io/hostname" in keys, pod.owner


def test_pods_restart_when_the_configuration_changes(chart: Chart, example: str) -> None:
    """The checksum of soban.yaml is an annotation of those that read it."""
    for pod in servers(chart, example):
        mounted = [volume for volume in pod.spec.get("volumes", []) if "configMap" in volume]
        if mounted:
            assert any(key.startswith("checksum/") for key in pod.metadata["annotations"]), pod.owner


def test_workloads_of_more_than_one_replica_have_a_budget(chart: Chart, example: str) -> None:
    """A drained node takes one of them at a time."""
    objects = chart.render(example=example)
    budgets = [entry["spec"]["selector"]["matchLabels"] for entry in objects.of("PodDisruptionBudget").values()]
    for name, deployment in objects.of("Deployment").items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        if deployment["spec"].get("replicas", 2) > 1:
            assert any(budget.items() <= labels.items() for budget in budgets), name


def servers(chart: Chart, example: str) -> list[Pod]:
    """Pods of Deployments."""
    return [pod for pod in chart.render(example=example).pods() if pod.owner.startswith("Deployment/")]


def containers(chart: Chart, example: str) -> Iterator[tuple[str, Object]]:
    """Each container with what it is called in messages."""
    for pod in chart.render(example=example).pods():
        for container in pod.containers:
            yield f"{pod.owner} {container['name']}", container
