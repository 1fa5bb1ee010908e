"""A cluster that is brought up here works: `pytest tests/cluster/test_machine.py`, as root, two minutes.

Runs only where no cluster is up.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.cluster import Cluster, CommandError
from cluster.machine import lock
from cluster.machine.addons import COREDNS
from cluster.machine.bring_up import up
from cluster.machine.faults import (
    api_server_frozen,
    api_server_gone,
    kill_container,
    restart_containerd,
    set_gpus,
)
from cluster.machine.leftovers import leftovers
from cluster.machine.teardown import down
from cluster.machine.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a cluster is brought up by root on Linux"),
    pytest.mark.skipif(lock.holder() is not None, reason="a cluster is up on this machine"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One for all tests of this file; nothing is left of it."""
    with tempfile.TemporaryDirectory(prefix="soban-", dir="/var/tmp") as folder:
        state = Path(folder) / "state"
        yield up(state)
        down(state)
        assert leftovers(state) == []


def _pods(cluster: Cluster, selector: str = "k8s-app=kube-dns") -> dict[str, str]:
    """Nodes of running pods in kube-system, by the names of the pods."""
    listed = cluster.kubectl("get", "pods", "--namespace=kube-system", "--selector", selector, "-o", "json")
    return {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in json.loads(listed)["items"]}


def _restarts(cluster: Cluster, pod: str) -> int:
    path = "jsonpath={.status.containerStatuses[0].restartCount}"
    return int(cluster.kubectl("get", "pod", pod, "--namespace=kube-system", "-o", path))


def test_both_nodes_run_pods_and_their_logs_are_read(cluster: Cluster) -> None:
    """Each kubelet shows the API server a certificate of the cluster's authority."""
    pods = _pods(cluster)
    assert set(pods.values()) == set(cluster.nodes)
    for pod in pods:
        assert "CoreDNS" in cluster.kubectl("logs", pod, "--namespace=kube-system")


def test_a_kubelet_knows_only_its_own_containers(cluster: Cluster) -> None:
    """Two on one machine, each with its own containerd."""
    pods = _pods(cluster)
    for node in cluster.nodes:
        summary = json.loads(cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/pods"))
        seen = {pod["metadata"]["name"] for pod in summary["items"]}
        assert seen & set(pods) == {pod for pod, where in pods.items() if where == node}


def test_metrics_of_both_nodes_are_served(cluster: Cluster) -> None:
    """What HPAs read; metrics-server needs two rounds of 15 s."""

    def measured() -> bool:
        try:
            return all(node in cluster.kubectl("top", "nodes", "--no-headers") for node in cluster.nodes)
        except CommandError:
            return False

    wait_until(measured, 90, "metrics of both nodes", 2)


def test_gpus_that_a_node_does_not_have_are_offered_to_pods(cluster: Cluster) -> None:
    """kubelet copies capacity that others wrote into what pods can have."""
    node = cluster.nodes[0]
    set_gpus(cluster, node, 4)
    path = r"jsonpath={.status.allocatable.nvidia\.com/gpu}"
    wait_until(lambda: cluster.kubectl("get", "node", node, "-o", path) == "4", 30, "four GPUs are allocatable", 1)


def test_a_killed_container_starts_again(cluster: Cluster) -> None:
    """SIGKILL reaches the container's own process and no other."""
    pod, *_ = _pods(cluster)
    before = _restarts(cluster, pod)
    assert kill_container(cluster, "kube-system", pod) == 1
    wait_until(lambda: _restarts(cluster, pod) == before + 1, 60, "the container runs again", 0.5)


def test_containers_outlive_their_containerd(cluster: Cluster) -> None:
    """Restarted under them, as an upgrade of the node does."""
    pods = _pods(cluster)
    before = {pod: _restarts(cluster, pod) for pod in pods}
    restart_containerd(cluster, cluster.nodes[1])
    assert {pod: _restarts(cluster, pod) for pod in pods} == before
    cluster.kubectl("run", "after", "--namespace=default", f"--image={COREDNS.image}", "--image-pull-policy=Never")
    cluster.kubectl("wait", "pod/after", "--namespace=default", "--for=condition=Ready", "--timeout=60s", timeout=70)


@pytest.mark.parametrize("fault", [api_server_gone, api_server_frozen])
def test_the_api_server_comes_back(cluster: Cluster, fault: type) -> None:
    """Refused or without an answer while the fault lasts, ready when it has ended."""
    with fault(cluster), pytest.raises(CommandError):
        cluster.kubectl("get", "nodes", "--request-timeout=2s")
    assert set(cluster.nodes) <= set(
        cluster.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").split()
    )
