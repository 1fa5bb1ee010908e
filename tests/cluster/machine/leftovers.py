"""Lists what a cluster left on this machine; an empty list is what `down` promises."""

from __future__ import annotations

from pathlib import Path

from cluster.machine import cgroups, lock, mounts, network
from cluster.machine.layout import NODES, Layout
from cluster.machine.processes import everything

CNI_RESULTS = Path("/var/lib/cni/results")
"""Where containerd 1.6 has CNI keep results of the networks, by their names; it takes no other folder."""
CONTAINER_LOGS = Path("/var/log/containers")
"""Where kubelet links every container's log (pkg/kubelet/kubelet.go, DefaultContainerLogsDir)."""
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
"""Where kubelet listens for device plugins, whatever its root folder is (DevicePluginPath of its API)."""


def leftovers(state: Path) -> list[str]:
    """One line for each thing of the cluster in that folder that is still there."""
    layout = Layout(state)
    found = [f"folder {state}"] if state.exists() else []
    if lock.holder() == state:
        found.append(f"lock {lock.LOCK}")
    found += [f"process {pid} {name}" for pid, name in _processes(state)]
    found += [f"mount {point}" for point in mounts.below(state)]
    found += network.leftovers()
    for node in NODES:
        found += cgroups.leftovers(node.cgroup)
        found += [f"file {file}" for file in CNI_RESULTS.glob(f"{node.cni_network}-*")]
        found += [f"socket {socket}" for socket in shim_sockets(layout.of(node).containerd_state)]
    found += [f"link {log}" for log in CONTAINER_LOGS.glob("*.log") if _leads_to(log, state)]
    socket = DEVICE_PLUGINS / "kubelet.sock"
    return found + ([f"socket {socket}"] if socket.exists() else [])


def shims(socket: Path) -> list[int]:
    """Processes that hold the containers of the containerd at that socket."""
    return [
        pid
        for pid, argv in everything()
        if argv[0].endswith("containerd-shim-runc-v2") and _after(argv, "-address") == str(socket)
    ]


def shim_sockets(containerd_state: Path) -> list[Path]:
    """Sockets of shims under /run/containerd/s, which a killed shim does not remove."""
    files = containerd_state.glob("io.containerd.runtime.v2.task/*/*/address")
    sockets = [Path(file.read_text().strip().removeprefix("unix://")) for file in files]
    return [socket for socket in sockets if socket.exists()]


def _processes(state: Path) -> list[tuple[int, str]]:
    """Programs of the cluster: they are named by the state folder, or an argument leads into it."""
    found = []
    for pid, argv in everything():
        arguments = (argument.partition("=")[2] or argument for argument in argv[1:])
        named = argv[0].startswith(f"{state}/") or any(argument.startswith(f"{state}/") for argument in arguments)
        if named and Path(argv[0]).name.startswith(_PROGRAMS):
            found.append((pid, Path(argv[0]).name))
    return found


_PROGRAMS = ("containerd", "etcd", "kube", "kwok")


def _after(argv: list[str], flag: str) -> str:
    return argv[argv.index(flag) + 1] if flag in argv[:-1] else ""


def _leads_to(link: Path, folder: Path) -> bool:
    return link.is_symlink() and link.readlink().is_relative_to(folder)
