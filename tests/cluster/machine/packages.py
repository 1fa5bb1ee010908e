"""Programs that come with the system: checked for, and on Debian as root installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CNI_PLUGINS = Path("/usr/lib/cni")
_PROGRAMS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "ip": "iproute2",
    "nft": "nftables",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "openssl": "openssl",
    "mount": "mount",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
}
"""Program and the Debian package that brings it. kubelet and kube-proxy call the last ones of the network by name."""
_SYSTEM_FOLDERS = "/usr/sbin:/sbin"


class UnfitMachineError(RuntimeError):
    """No cluster can be brought up here; the message says what is missing and how to get it."""


def missing() -> list[str]:
    """Debian packages of programs that this machine lacks, sorted."""
    path = f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_FOLDERS}"
    packages = {package for program, package in _PROGRAMS.items() if shutil.which(program, path=path) is None}
    if not all((CNI_PLUGINS / plugin).exists() for plugin in ("bridge", "host-local", "loopback")):
        packages.add("containernetworking-plugins")
    return sorted(packages)


def provide() -> None:
    """Makes sure of all programs, or raises UnfitMachineError with the command that would."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise UnfitMachineError("a cluster is brought up by root on Linux; elsewhere give one: --kubeconfig FILE")
    packages = missing()
    if not packages:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if shutil.which("apt-get") is None:
        raise UnfitMachineError(f"programs are missing; on Debian 12: {' '.join(command)}")
    print(" ".join(command), file=sys.stderr)
    # Debian starts a containerd of its own where an init system runs; it does no harm beside ours.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "--quiet"], stdout=sys.stderr, env=environment, check=False)
    done = subprocess.run(command, stdout=sys.stderr, env=environment, check=False)
    if done.returncode or missing():
        raise UnfitMachineError(f"programs are still missing after: {' '.join(command)}")
