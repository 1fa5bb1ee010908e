"""Brings a cluster up on this machine, step by step, each with its time on stderr."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cluster.builds import built
from cluster.cluster import Cluster
from cluster.machine import addons, kwok, lock, network, packages
from cluster.machine.control_plane import ControlPlane, Identities
from cluster.machine.layout import NODES, Layout
from cluster.machine.node import MachineNode
from cluster.machine.processes import Processes
from cluster.machine.teardown import down
from cluster.machine.waiting import wait_until

_MODULES = ("helm", "kubernetes", "etcd", "kwok", "coredns", "metrics-server", "keda", "pause")
_READY_SECONDS = 120


def up(state: Path) -> Cluster:
    """A cluster with two ready nodes, DNS, metrics-server, KEDA and kwok; what was begun is taken away when it fails.

    Raises UnfitMachineError, TakenError, BuildError, NotInTimeError, or RuntimeError with a log's end.
    """
    layout = Layout(state)
    packages.provide()
    with step("programs"):
        programs = [built(module) for module in _MODULES]
    lock.take(state)
    try:
        state.mkdir(parents=True, exist_ok=True)
        _link(layout, {name: path for each in programs for name, path in each.items()})
        return _start(layout)
    except BaseException as err:
        if not isinstance(err, KeyboardInterrupt):
            _keep_logs(layout)
        down(state)
        raise


def _start(layout: Layout) -> Cluster:
    processes = Processes(layout.processes, layout.logs)
    nodes = [MachineNode(layout, node, processes) for node in NODES]
    cluster = Cluster(layout.kubeconfig, layout.bin, tuple(node.name for node in NODES), layout.state)
    with step("network and keys"):
        network.up(layout)
        identities = Identities.make(layout.pki)
    plane = ControlPlane(layout, processes, identities)
    with step("control plane"):
        plane.start()
    with step("containerd and images"):
        for node in nodes:
            node.start_containerd()
        give_images(nodes, [addons.archive(layout, program) for program in addons.PROGRAMS])
    with step("nodes"):
        for node in nodes:
            node.start_kubelet(identities)
        plane.start_proxy()
        wait_until(lambda: _ready_nodes(cluster) >= set(cluster.nodes), _READY_SECONDS, "both nodes are ready", 0.5)
    with step("DNS, metrics-server, KEDA, kwok"):
        kwok.start(cluster, layout, processes, identities)
        addons.install_dns(cluster)
        addons.install_metrics_server(cluster)
        addons.install_keda(cluster)
        _wait_for_addons(cluster)
    cluster.save()
    return cluster


def _link(layout: Layout, programs: dict[str, Path]) -> None:
    layout.bin.mkdir(exist_ok=True)
    for name, path in programs.items():
        (layout.bin / name).symlink_to(path)


def _keep_logs(layout: Layout) -> None:
    """Why it failed is in the logs, and they would go with the state folder."""
    if layout.logs.is_dir():
        kept = tempfile.mkdtemp(prefix="soban-cluster-logs-")
        shutil.copytree(layout.logs, kept, dirs_exist_ok=True)
        print(f"logs of the cluster that failed: {kept}", file=sys.stderr)


def give_images(nodes: list[MachineNode], archives: list[Path]) -> None:
    """Imports archives into all nodes, the nodes side by side."""

    def give(node: MachineNode) -> None:
        for archive in archives:
            node.import_image(archive)

    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(give, nodes))


def _ready_nodes(cluster: Cluster) -> set[str]:
    path = '{range .items[?(@.status.conditions[-1].status=="True")]}{.metadata.name} {end}'
    return set(cluster.kubectl("get", "nodes", "-o", f"jsonpath={path}").split())


def _wait_for_addons(cluster: Cluster) -> None:
    limit = f"--timeout={_READY_SECONDS}s"
    for namespace in ("kube-system", "keda"):
        waited = ("wait", "deployment", "--all", "--for=condition=Available", "--namespace", namespace, limit)
        cluster.kubectl(*waited, timeout=_READY_SECONDS + 10)
    groups = ("v1beta1.metrics.k8s.io", "v1beta1.external.metrics.k8s.io")
    cluster.kubectl("wait", "apiservice", *groups, "--for=condition=Available", limit, timeout=_READY_SECONDS + 10)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Says on stderr what was done and how long it took."""
    began = time.monotonic()
    yield
    print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True)
