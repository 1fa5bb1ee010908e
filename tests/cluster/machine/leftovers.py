"""Lists what a cluster left on this machine; an empty list is what `down` promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cluster.machine import cgroups, lock, mounts, network
from cluster.machine.layout import LOCK, NODES, Layout
from cluster.machine.processes import everything

CNI_RESULTS = Path("/var/lib/cni/results")
"""Where containerd 1.6 has CNI keep results, as NETWORK-SANDBOX-INTERFACE; it takes no other folder."""
CONTAINER_LOGS = Path("/var/log/containers")
"""Where kubelet links every container's log (pkg/kubelet/kubelet.go, DefaultContainerLogsDir)."""
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
"""Where kubelet listens for device plugins, whatever its root folder is (DevicePluginPath of its API)."""

_PROGRAMS = ("containerd", "etcd", "kube", "kwok")
_TASKS = "io.containerd.runtime.v2.task/k8s.io"


def leftovers(state: Path) -> list[str]:
    """One line for each thing of the cluster in that folder that is still there."""
    layout = Layout(state)
    found = [f"folder {state}"] if state.exists() else []
    if lock.holder() == state:
        found.append(f"lock {LOCK}")
    found += [f"process {pid} {name}" for pid, name in programs(state)]
    found += [f"mount {point}" for point in mounts.below(state)]
    if lock.holder() in (None, state):
        found += network.leftovers()
        found += [line for node in NODES for line in cgroups.leftovers(node.cgroup)]
        found += [f"file {file}" for file in traces(layout)]
    return found


def traces(layout: Layout) -> list[Path]:
    """Files that the parts write in places of their own, whatever folder they are given."""
    sandboxes = {name for node in NODES for name in _sandboxes(layout, node.cni_network)}
    results = [file for name in sandboxes for file in CNI_RESULTS.glob(f"*-{name}-*")]
    sockets = [socket for node in NODES for socket in shim_sockets(layout.of(node).containerd_state)]
    logs = [log for log in CONTAINER_LOGS.glob("*.log") if _leads_to(log, layout.state)]
    plugins = [DEVICE_PLUGINS / name for name in ("kubelet.sock", "kubelet_internal_checkpoint")]
    return results + sockets + logs + [file for file in plugins if file.exists()]


def programs(state: Path) -> list[tuple[int, str]]:
    """Processes of the cluster: they lie in the state folder, or an argument leads into it."""
    return [(pid, Path(argv[0]).name) for pid, argv in everything() if _belongs(argv, f"{state}/")]


def shim_sockets(containerd_state: Path) -> list[Path]:
    """Sockets of shims under /run/containerd/s, which a killed shim does not remove."""
    files = containerd_state.glob(f"{_TASKS}/*/address")
    sockets = [Path(file.read_text().strip().removeprefix("unix://")) for file in files]
    return [socket for socket in sockets if socket.exists()]


def _sandboxes(layout: Layout, network_name: str) -> Iterator[str]:
    for file in CNI_RESULTS.glob(f"{network_name}-*-*"):
        yield file.name.removeprefix(f"{network_name}-").rpartition("-")[0]
    for node in NODES:
        yield from (folder.name for folder in layout.of(node).containerd_state.glob(f"{_TASKS}/*"))


def _belongs(argv: list[str], folder: str) -> bool:
    """By the program's name, too: an editor with a log of the cluster open is not of the cluster."""
    values = (argument.rpartition("=")[2] for argument in argv)
    return Path(argv[0]).name.startswith(_PROGRAMS) and any(value.startswith(folder) for value in values)


def _leads_to(link: Path, folder: Path) -> bool:
    return link.is_symlink() and link.readlink().is_relative_to(folder)
