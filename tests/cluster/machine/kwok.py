"""Simulated nodes: kwok says that they are ready and that pods on them run; nothing does. Good for decisions only."""

from __future__ import annotations

from pathlib import Path

import yaml

from cluster.cluster import Cluster
from cluster.machine.addons import Document, kustomized, module_folder
from cluster.machine.control_plane import Identities
from cluster.machine.layout import Layout
from cluster.machine.processes import Processes

NAME = "kwok"
MARK = "kwok.x-k8s.io/node"
"""Key of the annotation by which kwok finds its nodes: those of k8s/simulated/nodes.yaml."""

_POD_ADDRESSES = "198.51.100.1/24"
"""RFC 5737: addresses that lead nowhere, as nothing listens."""
_POD_READY = Path(__file__).parents[3] / "k8s" / "simulated" / "stage-pod-ready.yaml"
_STAND_BACK = 5


def start(cluster: Cluster, layout: Layout, processes: Processes, identities: Identities) -> None:
    """Starts kwok: nodes are ready at once, pods after the load time that they name, and deleted ones are gone."""
    file = layout.state / "kwok-stages.yaml"
    file.write_text(yaml.safe_dump_all(stages(cluster)))
    kubeconfig = identities.kubeconfig(layout.state / "kwok.kubeconfig", NAME, "/O=system:masters/CN=kwok")
    flags = {
        "config": file,
        "kubeconfig": kubeconfig,
        "manage-all-nodes": "false",
        "manage-nodes-with-annotation-selector": f"{MARK}=fake",
        "cidr": _POD_ADDRESSES,
        # Without leases the controller manager takes the nodes for dead after 50 s, and pods on them for not ready.
        "node-lease-duration-seconds": "40",
        "server-address": "127.0.0.1:10247",
    }
    arguments = [f"--{flag}={value}" for flag, value in flags.items()]
    environment = {"HOME": str(layout.state)}
    processes.start(NAME, layout.bin / "kwok", *arguments, nice=_STAND_BACK, environment=environment)


def stages(cluster: Cluster) -> list[Document]:
    """kwok's fast stages, with our own for how pods become ready."""
    ready = yaml.safe_load(_POD_READY.read_text(encoding="utf-8"))
    fast = kustomized(cluster, module_folder("kwok", "sigs.k8s.io/kwok") / "kustomize" / "stage" / "fast")
    return [ready if stage["metadata"]["name"] == ready["metadata"]["name"] else stage for stage in fast]
