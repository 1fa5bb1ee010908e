"""etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kube-proxy as processes of this machine."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from cluster.machine.access import write_kubeconfig
from cluster.machine.layout import (
    API_ADDRESS,
    API_SERVICE,
    API_URL,
    DOMAIN,
    ETCD_PEER_URL,
    ETCD_URL,
    NODES,
    PODS,
    SERVICES,
    Layout,
)
from cluster.machine.pki import Pair, Pki
from cluster.machine.processes import Processes
from cluster.machine.waiting import wait_until

# In the order in which they are stopped.
NAMES = ("kube-proxy", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd")
API_SERVER = "kube-apiserver"

Flags = dict[str, str | Path]

_BEFORE_LOAD = -5
"""Niceness: tests load the machine, and a control plane that starves decides late. Needs CAP_SYS_NICE."""


@dataclass(frozen=True)
class Identities:
    """Keys and certificates that the control plane shares with the nodes."""

    pki: Pki
    authority: Pair
    front_authority: Pair
    tokens: Pair

    @classmethod
    def make(cls, folder: Path) -> Identities:
        """Makes them, or reads them when they are there."""
        pki = Pki(folder)
        return cls(pki, pki.authority("soban-ca"), pki.authority("soban-front-ca"), pki.signing_pair("tokens"))

    def kubeconfig(self, file: Path, name: str, subject: str) -> Path:
        """A kubeconfig for that subject."""
        return write_kubeconfig(file, self.authority, self.pki.issue(name, self.authority, subject))


class ControlPlane:
    """Starts the parts; each waits until the one before answers."""

    def __init__(self, layout: Layout, processes: Processes, identities: Identities) -> None:
        self._layout = layout
        self._processes = processes
        self._identities = identities

    def start(self) -> None:
        """All but kube-proxy, and the administrator's kubeconfig."""
        administrator = "/O=system:masters/CN=soban-administrator"
        self._identities.kubeconfig(self._layout.kubeconfig, "administrator", administrator)
        self._start_etcd()
        self._start_api_server()
        wait_until(self.ready, 60, "kube-apiserver is ready")
        self._start_controller_manager()
        self._start_scheduler()

    def ready(self) -> bool:
        """Whether the API server says that it is; raises when its process has ended."""
        return api_ready(self._layout, self._processes)

    def _start_etcd(self) -> None:
        flags: Flags = {
            "name": "soban",
            "data-dir": self._layout.state / "etcd",
            "listen-client-urls": ETCD_URL,
            "advertise-client-urls": ETCD_URL,
            "listen-peer-urls": ETCD_PEER_URL,
            "initial-advertise-peer-urls": ETCD_PEER_URL,
            "initial-cluster": f"soban={ETCD_PEER_URL}",
            "log-level": "warn",
            # Test data only: a machine that loses power loses the cluster anyway.
            "unsafe-no-fsync": "true",
        }
        self._run("etcd", flags)

    def _start_api_server(self) -> None:
        ids = self._identities
        names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{DOMAIN}")
        alternatives = (*(f"DNS:{name}" for name in names), f"IP:{API_ADDRESS}", "IP:127.0.0.1", f"IP:{API_SERVICE}")
        serving = ids.pki.issue("apiserver", ids.authority, "/CN=kube-apiserver", alternatives)
        to_kubelet = ids.pki.issue("apiserver-to-kubelet", ids.authority, "/O=system:masters/CN=apiserver-to-kubelet")
        to_extension = ids.pki.issue("front-proxy", ids.front_authority, "/CN=front-proxy")
        flags: Flags = {
            "advertise-address": API_ADDRESS,
            "bind-address": API_ADDRESS,
            "secure-port": "6443",
            "etcd-servers": ETCD_URL,
            "service-cluster-ip-range": SERVICES,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "allow-privileged": "true",
            "profiling": "false",
            "cert-dir": self._layout.pki,
            "client-ca-file": ids.authority.certificate,
            "tls-cert-file": serving.certificate,
            "tls-private-key-file": serving.key,
            "kubelet-certificate-authority": ids.authority.certificate,
            "kubelet-client-certificate": to_kubelet.certificate,
            "kubelet-client-key": to_kubelet.key,
            "kubelet-preferred-address-types": "InternalIP",
            "service-account-issuer": f"https://kubernetes.default.svc.{DOMAIN}",
            "service-account-key-file": ids.tokens.certificate,
            "service-account-signing-key-file": ids.tokens.key,
            # The APIServices of KEDA and metrics-server answer only whom this authority vouches for.
            "requestheader-client-ca-file": ids.front_authority.certificate,
            "requestheader-allowed-names": "front-proxy",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-username-headers": "X-Remote-User",
            "proxy-client-cert-file": to_extension.certificate,
            "proxy-client-key-file": to_extension.key,
        }
        self._run(API_SERVER, flags)

    def _start_controller_manager(self) -> None:
        """With the default timing of everything: timelines of autoscaling are read from it."""
        ids = self._identities
        flags = {
            **self._client("kube-controller-manager", "/CN=system:kube-controller-manager"),
            "leader-elect": "false",
            "bind-address": "127.0.0.1",
            "use-service-account-credentials": "true",
            "service-account-private-key-file": ids.tokens.key,
            "root-ca-file": ids.authority.certificate,
            "cluster-signing-cert-file": ids.authority.certificate,
            "cluster-signing-key-file": ids.authority.key,
        }
        self._run("kube-controller-manager", flags)

    def _start_scheduler(self) -> None:
        client = self._client("kube-scheduler", "/CN=system:kube-scheduler")
        self._run("kube-scheduler", {**client, "leader-elect": "false", "bind-address": "127.0.0.1"})

    def start_proxy(self) -> None:
        """One kube-proxy: both nodes share this machine's network."""
        kubeconfig = self._client("kube-proxy", "/CN=system:kube-proxy")
        flags = {
            **kubeconfig,
            "proxy-mode": "nftables",
            "cluster-cidr": PODS,
            "hostname-override": NODES[0].name,
            # The machine's connection tracking is not the cluster's to size.
            "conntrack-max-per-core": "0",
            "conntrack-tcp-timeout-established": "0",
            "conntrack-tcp-timeout-close-wait": "0",
        }
        self._run("kube-proxy", flags)

    def _client(self, name: str, subject: str) -> Flags:
        return {"kubeconfig": self._identities.kubeconfig(self._layout.state / f"{name}.kubeconfig", name, subject)}

    def _run(self, name: str, flags: Flags) -> None:
        arguments = [f"--{flag}={value}" for flag, value in flags.items()]
        self._processes.start(name, self._layout.bin / name, *arguments, nice=_BEFORE_LOAD)


def api_ready(layout: Layout, processes: Processes) -> bool:
    """Whether the API server answers /readyz with yes; RuntimeError with its log's end when it is not running."""
    if not processes.record(API_SERVER).alive:
        raise RuntimeError(f"{API_SERVER} has ended:\n{processes.tail(API_SERVER)}")
    return api_answers(layout)


def api_answers(layout: Layout) -> bool:
    """Whether an API server answers /readyz with yes within 3 seconds."""
    command = [
        str(layout.bin / "kubectl"),
        "--kubeconfig",
        str(layout.kubeconfig),
        "--server",
        API_URL,
        "--request-timeout=3s",
    ]
    done = subprocess.run([*command, "get", "--raw", "/readyz"], capture_output=True, check=False, env={})
    return done.returncode == 0
