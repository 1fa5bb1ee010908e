"""The network of the cluster: one bridge with both nodes' addresses on it, and CNI configuration per node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from cluster.machine.layout import BRIDGE, NODES, PODS, SERVICES, Layout, Node

_PREFIX = PODS.rpartition("/")[2]
_HARDWARE_ADDRESS = "02:50:ba:00:00:01"
"""Fixed, or the bridge would take the smallest of its ports' and change it as pods come and go."""
_PROXY_TABLES = (("ip", "kube-proxy"), ("ip6", "kube-proxy"))
_SYSCTLS = Path("/proc/sys")
_SET = {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"}
_CHANGED_BY_OTHERS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "net/ipv4/vs/conntrack",
    "net/netfilter/nf_conntrack_max",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
"""What kubelet (pkg/kubelet/cm/container_manager_linux.go) and kube-proxy set as they start."""


def up(layout: Layout) -> None:
    """Makes the bridge and lets the machine forward packets; keeps the kernel's settings as they were."""
    remember_sysctls(layout.sysctls)
    for name, value in _SET.items():
        if (_SYSCTLS / name).exists():
            (_SYSCTLS / name).write_text(value)
    _run("ip", "link", "add", BRIDGE, "address", _HARDWARE_ADDRESS, "type", "bridge")
    # The first address is the pods' gateway; the CNI plugin finds it by being first and with this prefix.
    _run("ip", "address", "add", f"{NODES[0].address}/{_PREFIX}", "dev", BRIDGE)
    for node in NODES[1:]:
        _run("ip", "address", "add", f"{node.address}/32", "dev", BRIDGE)
    _run("ip", "link", "set", BRIDGE, "up")
    # Never taken: kube-proxy rewrites the address. But a machine without a default route looks for one before that.
    _run("ip", "route", "add", SERVICES, "dev", BRIDGE)


def down(layout: Layout) -> None:
    """Takes away the bridge and kube-proxy's tables and puts the kernel's settings back; no error when all is gone."""
    for family, table in _PROXY_TABLES:
        _run("nft", "delete", "table", family, table, must=False)
    _run("ip", "link", "delete", BRIDGE, must=False)
    restore_sysctls(layout.sysctls)


def leftovers() -> list[str]:
    """The bridge and kube-proxy's tables, where they still are."""
    found = [f"network interface {BRIDGE}"] if _run("ip", "link", "show", BRIDGE, must=False) else []
    tables = _run("nft", "list", "tables", must=False).splitlines()
    wanted = {f"table {family} {table}" for family, table in _PROXY_TABLES}
    return found + [f"nftables {table.strip()}" for table in tables if table.strip() in wanted]


def remember_sysctls(file: Path) -> None:
    """Writes down the kernel settings that a cluster changes; the first record stays."""
    if file.exists():
        return
    names = [*_SET, *_CHANGED_BY_OTHERS]
    values = {name: (_SYSCTLS / name).read_text().strip() for name in names if (_SYSCTLS / name).exists()}
    file.write_text(json.dumps(values, indent=1))


def restore_sysctls(file: Path) -> None:
    """Puts kernel settings back as they were written down."""
    if not file.exists():
        return
    for name, value in json.loads(file.read_text()).items():
        setting = _SYSCTLS / name
        if setting.exists() and setting.read_text().strip() != value:
            setting.write_text(value)


def write_cni(folder: Path, addresses: Path, node: Node) -> None:
    """The node's network: pods on the bridge, their addresses from the node's own range, kept in `addresses`."""
    folder.mkdir(parents=True, exist_ok=True)
    span = {"subnet": PODS, "rangeStart": node.first, "rangeEnd": node.last, "gateway": NODES[0].address}
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(addresses),
            "ranges": [[span]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    configuration = {"cniVersion": "1.0.0", "name": node.cni_network, "plugins": [bridge]}
    (folder / "10-soban.conflist").write_text(json.dumps(configuration, indent=1))


def _run(*command: str, must: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if must and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
