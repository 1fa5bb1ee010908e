"""Takes a cluster away, whole or half made, and leaves nothing: pods through the API, then processes, then the rest."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from cluster.cluster import Cluster, CommandError
from cluster.machine import cgroups, lock, mounts, network
from cluster.machine.control_plane import NAMES, api_answers
from cluster.machine.kwok import NAME as KWOK
from cluster.machine.layout import NODES, Layout
from cluster.machine.leftovers import CNI_RESULTS, CONTAINER_LOGS, DEVICE_PLUGINS, programs, traces
from cluster.machine.node import containerd_name, kubelet_name
from cluster.machine.processes import Processes
from cluster.machine.waiting import NotInTimeError, wait_until

_PODS_SECONDS = 20
_SCALED = "scaledobjects.keda.sh,scaledjobs.keda.sh"
_OWNERS = "deployments,statefulsets,daemonsets,jobs,cronjobs,replicasets"
_SHIM_SOCKETS = Path("/run/containerd/s")


def down(state: Path) -> None:
    """Ends the cluster whose state is in that folder and removes the folder; whatever is already gone is no error.

    Takes up to a minute, and Ctrl-C does not cut it short. TakenError when the machine's cluster is another.
    """
    lock.refuse_other(state)
    with _uninterrupted():
        layout = Layout(state)
        processes = Processes(layout.processes, layout.logs)
        _delete_pods(layout)
        _stop(processes)
        found = traces(layout)
        _kill_rest(state)
        network.down(layout)
        mounts.remove(state)
        _remove_traces([*found, *traces(layout)])
        shutil.rmtree(state, ignore_errors=True)
        lock.release(state)


def _delete_pods(layout: Layout) -> None:
    """The clean way, while there is a control plane: kubelets unmount, containers end, addresses come back."""
    if not layout.kubeconfig.exists() or not api_answers(layout):
        return
    cluster = Cluster(layout.kubeconfig, layout.bin, tuple(node.name for node in NODES), layout.state)
    everywhere = ("--all", "--all-namespaces", "--wait=false")
    failures = (CommandError, subprocess.TimeoutExpired, NotInTimeError)
    with contextlib.suppress(*failures):
        # Their finalizers need KEDA, which goes next.
        cluster.kubectl("delete", _SCALED, "--all", "--all-namespaces", "--ignore-not-found", "--timeout=10s")
    with contextlib.suppress(*failures):
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


def _kill_rest(state: Path) -> None:
    """Containers by their cgroup; shims, and what was started and never recorded, by the state folder they name."""
    for pid, _ in programs(state):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for node in NODES:
        cgroups.remove(node.cgroup)
    with contextlib.suppress(NotInTimeError):
        wait_until(lambda: not programs(state), 5, "all processes are gone")


def _remove_traces(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
    # Folders only when empty, as they are where no other kubelet or containerd was ever used.
    cni, plugins, sockets = CNI_RESULTS, DEVICE_PLUGINS, _SHIM_SOCKETS
    for folder in (cni, cni.parent, CONTAINER_LOGS, plugins, plugins.parent, sockets, sockets.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait, where they would be raised: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
