"""A node: its own containerd, its own kubelet, its own cgroups, on a machine that it shares with the other."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from cluster.machine import cgroups
from cluster.machine.control_plane import Identities
from cluster.machine.layout import DNS_SERVICE, DOMAIN, Layout, Node, NodeLayout
from cluster.machine.network import write_cni
from cluster.machine.packages import CNI_PLUGINS
from cluster.machine.processes import Processes
from cluster.machine.waiting import wait_until

PAUSE_IMAGE = "localhost/soban-tests/pause:1"
_BEFORE_LOAD = -5


def containerd_name(node: Node) -> str:
    """Name of the process."""
    return f"containerd-{node.name}"


def kubelet_name(node: Node) -> str:
    """Name of the process."""
    return f"kubelet-{node.name}"


class MachineNode:
    """Starts the two processes of one node."""

    def __init__(self, layout: Layout, node: Node, processes: Processes) -> None:
        self._layout = layout
        self._files = layout.of(node)
        self._node = node
        self._processes = processes

    def start_containerd(self) -> None:
        """Returns when it answers. Its children, the containers, get its niceness: it keeps 0."""
        self._files.folder.mkdir(parents=True, exist_ok=True)
        write_cni(self._files.cni, self._files.addresses, self._node)
        config = self._files.folder / "containerd.toml"
        config.write_text(containerd_config(self._files))
        name = containerd_name(self._node)
        self._processes.start(name, "containerd", "--config", config, "--log-level", "warn")
        wait_until(self.containerd_answers, 30, f"{name} answers")

    def start_kubelet(self, identities: Identities) -> None:
        """Returns at once; the node is ready some seconds later."""
        name = self._node.name
        cgroups.make(self._node.cgroup)
        subject = f"/O=system:nodes/CN=system:node:{name}"
        kubeconfig = identities.kubeconfig(self._files.folder / "kubelet.kubeconfig", f"kubelet-{name}", subject)
        names = (f"DNS:{name}", f"IP:{self._node.address}")
        serving = identities.pki.issue(f"kubelet-serving-{name}", identities.authority, f"/CN={name}", names)
        settings = kubelet_settings(self._node, self._files) | {
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(identities.authority.certificate)},
            },
            "tlsCertFile": str(serving.certificate),
            "tlsPrivateKeyFile": str(serving.key),
        }
        (self._files.folder / "resolv.conf").write_text("")
        config = self._files.folder / "kubelet.json"
        config.write_text(json.dumps(settings, indent=1))
        flags = {
            "config": config,
            "kubeconfig": kubeconfig,
            "hostname-override": name,
            "node-ip": self._node.address,
            "root-dir": self._files.kubelet,
            "cert-dir": self._files.folder / "kubelet-pki",
        }
        arguments = [f"--{flag}={value}" for flag, value in flags.items()]
        self._processes.start(kubelet_name(self._node), self._layout.bin / "kubelet", *arguments, nice=_BEFORE_LOAD)

    def containerd_answers(self) -> bool:
        """Whether containerd serves; raises RuntimeError with its log's end when it is not running."""
        name = containerd_name(self._node)
        if not self._processes.record(name).alive:
            raise RuntimeError(f"{name} has ended:\n{self._processes.tail(name)}")
        command = ["ctr", "--address", str(self._files.socket), "--connect-timeout", "2s", "version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def import_image(self, archive: Path) -> None:
        """Gives the node an image (oci-archive or docker-archive) under the name that the archive holds."""
        command = ["ctr", "--address", str(self._files.socket), "--namespace", "k8s.io", "images", "import"]
        done = subprocess.run([*command, str(archive)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"import of {archive} into {self._node.name}: {done.stderr.strip()}")


def containerd_config(files: NodeLayout) -> str:
    """containerd 1.6's configuration: everything that it writes is in the node's folder."""
    return f"""\
version = 2
root = "{files.containerd_root}"
state = "{files.containerd_state}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "{files.socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{files.folder}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE no sandbox could start: its score may only be raised.
  restrict_oom_score_adj = true
  # CoreDNS binds port 53 as another user than root.
  enable_unprivileged_ports = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{CNI_PLUGINS}"
  conf_dir = "{files.cni}"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
  Root = "{files.folder}/runc"
"""


def kubelet_settings(node: Node, files: NodeLayout) -> dict[str, Any]:
    """kubelet's configuration without its certificates."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        # Both kubelets have the usual ports, each on its own address.
        "address": node.address,
        "healthzBindAddress": node.address,
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{files.socket}",
        "podLogsDir": str(files.pod_logs),
        "volumePluginDir": str(files.folder / "volume-plugins"),
        "resolvConf": str(files.folder / "resolv.conf"),
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": DOMAIN,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": node.cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        # Rules of kube-proxy are enough; kubelet's own chains would stay behind.
        "makeIPTablesUtilChains": False,
        # The disk is shared with everything else on this machine, and often nearly full.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
    }
