"""What a cluster needs beside Kubernetes: DNS, metrics-server, KEDA, each from its own manifests and a local image."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.builds import MODULES
from cluster.cluster import Cluster
from cluster.machine.images import program_archive
from cluster.machine.layout import Layout
from cluster.machine.node import PAUSE_IMAGE

Document = dict[str, Any]


@dataclass(frozen=True)
class Program:
    """An image of one program.

    name   of the program in the cluster's `bin`
    image  what manifests of this cluster call it
    path   of the program inside
    """

    name: str
    image: str
    path: str


PAUSE = Program("pause", PAUSE_IMAGE, "/pause")
COREDNS = Program("coredns", "localhost/soban-tests/coredns:1", "/coredns")
METRICS_SERVER = Program("metrics-server", "localhost/soban-tests/metrics-server:1", "/metrics-server")
KEDA_OPERATOR = Program("keda-operator", "localhost/soban-tests/keda-operator:1", "/keda")
KEDA_ADAPTER = Program("keda-adapter", "localhost/soban-tests/keda-adapter:1", "/keda-adapter")
PROGRAMS = (PAUSE, COREDNS, METRICS_SERVER, KEDA_OPERATOR, KEDA_ADAPTER)

_TRUSTED = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
_MANIFESTS = Path(__file__).parent / "manifests"


def archive(layout: Layout, program: Program) -> Path:
    """The program's image as an OCI archive."""
    file = layout.images / f"{program.name}.tar"
    return program_archive(file, program.image, layout.bin / program.name, program.path, platform.machine())


def install_dns(cluster: Cluster) -> None:
    """CoreDNS, two pods, behind Service kube-dns."""
    cluster.kubectl("apply", "--server-side", "-f", str(_MANIFESTS / "coredns.yaml"))


def install_metrics_server(cluster: Cluster) -> None:
    """metrics-server, for `kubectl top` and HPAs; it checks the kubelets' certificates."""
    folder = module_folder("metrics-server", "sigs.k8s.io/metrics-server")
    documents = kustomized(cluster, folder / "manifests" / "base")
    for container in containers(documents):
        container["image"] = METRICS_SERVER.image
        container["args"].append(f"--kubelet-certificate-authority={_TRUSTED}")
    apply(cluster, documents)


def install_keda(cluster: Cluster) -> None:
    """KEDA's operator and metrics adapter, in namespace `keda`."""
    folder = module_folder("keda", "github.com/kedacore/keda/v2")
    documents = kustomized(cluster, folder / "config" / "minimal")
    images = {"keda-operator": KEDA_OPERATOR.image, "keda-metrics-apiserver": KEDA_ADAPTER.image}
    for container in containers(documents):
        container["image"] = images[container["name"]]
        container["imagePullPolicy"] = "IfNotPresent"
    apply(cluster, documents)


def module_folder(name: str, module: str) -> Path:
    """Where the source of a Go module that `binaries/NAME` requires lies; Go fetches it when it is not there."""
    command = ["go", "mod", "download", "-json", module]
    done = subprocess.run(command, cwd=MODULES / name, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} in binaries/{name}: {done.stderr.strip()}{done.stdout.strip()}")
    return Path(json.loads(done.stdout)["Dir"])


def kustomized(cluster: Cluster, folder: Path) -> list[Document]:
    """Documents of a kustomization."""
    return [document for document in yaml.safe_load_all(cluster.kubectl("kustomize", str(folder))) if document]


def containers(documents: Iterable[Document]) -> list[Document]:
    """Containers of all Deployments, to be changed in place."""
    deployments = (document for document in documents if document["kind"] == "Deployment")
    return [container for each in deployments for container in each["spec"]["template"]["spec"]["containers"]]


def apply(cluster: Cluster, documents: Iterable[Document]) -> None:
    """Server-side: KEDA's definitions are too long for the annotation that the other way writes."""
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(documents))
