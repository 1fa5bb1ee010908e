"""Takes a cluster away, whole or half made, and leaves nothing: pods through the API, then processes, then the rest."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from cluster.cluster import Cluster, CommandError
from cluster.machine import cgroups, lock, mounts, network
from cluster.machine.control_plane import NAMES, api_answers
from cluster.machine.kwok import NAME as KWOK
from cluster.machine.layout import NODES, Layout
from cluster.machine.leftovers import CNI_RESULTS, CONTAINER_LOGS, DEVICE_PLUGINS, shim_sockets, shims
from cluster.machine.node import containerd_name, kubelet_name
from cluster.machine.processes import Processes
from cluster.machine.waiting import NotInTimeError, wait_until

_PODS_SECONDS = 20
_SCALED = "scaledobjects.keda.sh,scaledjobs.keda.sh"
_OWNERS = "deployments,statefulsets,daemonsets,jobs,cronjobs,replicasets"


def down(state: Path) -> None:
    """Ends the cluster whose state is in that folder and removes the folder; whatever is already gone is no error."""
    layout = Layout(state)
    processes = Processes(layout.processes, layout.logs)
    _delete_pods(layout, processes)
    _stop(processes)
    _end_containers(layout)
    network.down(layout)
    mounts.remove(state)
    _remove_traces(layout)
    shutil.rmtree(state, ignore_errors=True)
    lock.release(state)


def _delete_pods(layout: Layout, processes: Processes) -> None:
    """The clean way, while there is a control plane: kubelets unmount, containers end, addresses come back."""
    if not layout.kubeconfig.exists() or not api_answers(layout):
        return
    cluster = Cluster(layout.kubeconfig, layout.bin, tuple(node.name for node in NODES), layout.state)
    everywhere = ("--all", "--all-namespaces", "--wait=false")
    with contextlib.suppress(CommandError, subprocess.TimeoutExpired, NotInTimeError):
        # Their finalizers need KEDA, which goes next.
        cluster.kubectl("delete", _SCALED, "--all", "--all-namespaces", "--ignore-not-found", "--timeout=10s")
    with contextlib.suppress(CommandError, subprocess.TimeoutExpired, NotInTimeError):
        cluster.kubectl("delete", _OWNERS, *everywhere)
        cluster.kubectl("delete", "pods", *everywhere, "--now")
        wait_until(lambda: not _pods(cluster), _PODS_SECONDS, "all pods are gone")


def _pods(cluster: Cluster) -> str:
    return cluster.kubectl("get", "pods", "--all-namespaces", "--output=name").strip()


def _stop(processes: Processes) -> None:
    """Kubelets first, so that nothing is started anew; containerd last, for it keeps the containers' mounts."""
    first = [kubelet_name(node) for node in NODES]
    last = [containerd_name(node) for node in NODES]
    for name in [*first, KWOK, *NAMES, *last]:
        processes.stop(name)
    for record in processes.all():
        processes.stop(record.name)


def _end_containers(layout: Layout) -> None:
    """Kills what containerd left running: containers by their cgroup, their shims by containerd's socket."""
    sockets = [socket for node in NODES for socket in shim_sockets(layout.of(node).containerd_state)]
    for node in NODES:
        cgroups.remove(node.cgroup)
        for pid in shims(layout.of(node).socket):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for socket in sockets:
        socket.unlink(missing_ok=True)


def _remove_traces(layout: Layout) -> None:
    """Files that the parts write in places of their own, whatever folder they are given."""
    for node in NODES:
        for result in CNI_RESULTS.glob(f"{node.cni_network}-*"):
            result.unlink(missing_ok=True)
    for log in CONTAINER_LOGS.glob("*.log"):
        if log.is_symlink() and log.readlink().is_relative_to(layout.state):
            log.unlink(missing_ok=True)
    for file in ("kubelet.sock", "kubelet_internal_checkpoint"):
        with contextlib.suppress(OSError):
            (DEVICE_PLUGINS / file).unlink(missing_ok=True)
    # Only when empty, as they are where no other kubelet or containerd was ever used.
    for folder in (CNI_RESULTS, CNI_RESULTS.parent, CONTAINER_LOGS, DEVICE_PLUGINS, DEVICE_PLUGINS.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()
