"""Faults of a cluster that was brought up here: what operators fear, on purpose and with an end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from cluster.cluster import Cluster
from cluster.machine import cgroups
from cluster.machine.control_plane import API_SERVER, api_ready
from cluster.machine.layout import NODES, Layout, Node
from cluster.machine.node import MachineNode, containerd_name
from cluster.machine.processes import Processes
from cluster.machine.waiting import wait_until

_READY_SECONDS = 60


@contextlib.contextmanager
def api_server_gone(cluster: Cluster) -> Iterator[None]:
    """No API server inside the `with`: connections are refused. After it a new one with the same flags is ready."""
    layout, processes = _parts(cluster)
    processes.end(API_SERVER, grace=1.0)
    try:
        yield
    finally:
        processes.start_again(API_SERVER)
        wait_until(lambda: api_ready(layout, processes), _READY_SECONDS, f"{API_SERVER} is ready again")


@contextlib.contextmanager
def api_server_frozen(cluster: Cluster) -> Iterator[None]:
    """The API server does not answer inside the `with`, while its connections stay open."""
    layout, processes = _parts(cluster)
    processes.signal(API_SERVER, signal.SIGSTOP)
    try:
        yield
    finally:
        processes.signal(API_SERVER, signal.SIGCONT)
        wait_until(lambda: api_ready(layout, processes), _READY_SECONDS, f"{API_SERVER} answers again")


def restart_containerd(cluster: Cluster, node: str) -> None:
    """Ends the node's containerd and starts it again; its containers run on."""
    layout, processes = _parts(cluster)
    named = _node(node)
    name = containerd_name(named)
    processes.end(name)
    processes.start_again(name)
    machine_node = MachineNode(layout, named, processes)
    wait_until(machine_node.containerd_answers, _READY_SECONDS, f"{name} answers again")


def kill_container(cluster: Cluster, namespace: str, pod: str, container: str | None = None) -> int:
    """SIGKILL for every process of a pod's container (its first one when none is named); how many there were.

    As when the kernel runs out of memory: no signal before, no preStop, no Endpoint taken out.
    """
    status = json.loads(cluster.kubectl("get", "pod", pod, "--namespace", namespace, "-o", "json"))
    listed = status["status"]["containerStatuses"]
    names = [each["name"] for each in status["spec"]["containers"]]
    wanted = container or names[0]
    found = next(each for each in listed if each["name"] == wanted)
    number = found["containerID"].removeprefix("containerd://")
    pids = container_processes(_node(status["spec"]["nodeName"]), number)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)


def container_processes(node: Node, container: str) -> set[int]:
    """Ids of the processes of a container by its id."""
    files = [folder / "cgroup.procs" for folder in cgroups.folders_of(node.cgroup, container)]
    return {int(pid) for file in files for pid in file.read_text().split()}


def set_gpus(cluster: Cluster, node: str, count: int) -> None:
    """Says that a real node has that many `nvidia.com/gpu`; kubelet offers them to pods within 10 s, and pods run."""
    patch = [{"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": str(count)}]
    cluster.kubectl("patch", "node", node, "--subresource=status", "--type=json", "--patch", json.dumps(patch))


def _parts(cluster: Cluster) -> tuple[Layout, Processes]:
    if cluster.state is None:
        raise ValueError("faults of the machine need a cluster that was brought up here")
    layout = Layout(Path(cluster.state))
    return layout, Processes(layout.processes, layout.logs)


def _node(name: str) -> Node:
    return next(node for node in NODES if node.name == name)
