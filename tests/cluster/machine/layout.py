"""Where everything stands: the addresses of the cluster, and the files in its state folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_STATE = Path.home() / ".cache" / "soban-tests" / "cluster" / "state"
LOCK = Path("/run/soban-cluster.lock")
"""Addresses, ports and the bridge are the machine's, so that one cluster is up at a time, whatever its state folder."""

BRIDGE = "soban0"
PODS = "10.88.0.0/16"
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
DOMAIN = "cluster.local"
API_ADDRESS = "10.88.0.1"
API_URL = f"https://{API_ADDRESS}:6443"
ETCD_URL = "http://127.0.0.1:2379"
ETCD_PEER_URL = "http://127.0.0.1:2380"

_LONGEST_STATE = 50
"""The sockets of containerd and kubelet lie up to 50 characters deeper, and Linux allows 107 for a socket's path."""


@dataclass(frozen=True)
class Node:
    """One kubelet with its own containerd.

    name     of the Node object
    address  of the node, on the bridge that both nodes share
    first, last  addresses of pods on it, inclusive
    """

    name: str
    address: str
    first: str
    last: str

    @property
    def cgroup(self) -> str:
        """Parent of all cgroups of the node's pods, in every hierarchy."""
        return f"/{self.name}"

    @property
    def cni_network(self) -> str:
        """Name of the node's network in CNI's files."""
        return self.name


NODES = (
    Node("soban-node-1", API_ADDRESS, "10.88.1.2", "10.88.1.250"),
    Node("soban-node-2", "10.88.0.2", "10.88.2.2", "10.88.2.250"),
)


@dataclass(frozen=True)
class Layout:
    """Files and folders of one cluster."""

    state: Path

    def __post_init__(self) -> None:
        if not self.state.is_absolute() or len(str(self.state)) > _LONGEST_STATE:
            raise ValueError(f"the state folder has to be an absolute path of at most {_LONGEST_STATE} characters")

    @property
    def bin(self) -> Path:
        """Links to all programs, the cluster's own and kubectl and helm."""
        return self.state / "bin"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.state / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.state / "kubeconfig"

    @property
    def processes(self) -> Path:
        """One record per process that was started."""
        return self.state / "processes"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.state / "logs"

    @property
    def images(self) -> Path:
        """Archives of the images that the cluster itself needs."""
        return self.state / "images"

    @property
    def sysctls(self) -> Path:
        """Kernel settings as they were before."""
        return self.state / "sysctls.json"

    def of(self, node: Node) -> NodeLayout:
        """Files of one node."""
        return NodeLayout(self.state / "nodes" / node.name)


@dataclass(frozen=True)
class NodeLayout:
    """Files of one node's containerd and kubelet."""

    folder: Path

    @property
    def socket(self) -> Path:
        """Where containerd listens."""
        return self.folder / "containerd.sock"

    @property
    def containerd_state(self) -> Path:
        """containerd's mounts, shims and network namespaces."""
        return self.folder / "run"

    @property
    def containerd_root(self) -> Path:
        """containerd's images and snapshots."""
        return self.folder / "containerd"

    @property
    def cni(self) -> Path:
        """The node's one network configuration."""
        return self.folder / "cni"

    @property
    def addresses(self) -> Path:
        """Addresses that pods hold."""
        return self.folder / "addresses"

    @property
    def kubelet(self) -> Path:
        """kubelet's root: volumes of pods."""
        return self.folder / "kubelet"

    @property
    def pod_logs(self) -> Path:
        """What containers wrote."""
        return self.folder / "pod-logs"
