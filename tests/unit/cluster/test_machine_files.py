"""Files that a cluster on this machine is made of: configuration, archives, manifests, the lock."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.machine import lock, network
from cluster.machine.addons import COREDNS, METRICS_SERVER, containers
from cluster.machine.images import program_archive
from cluster.machine.layout import API_SERVICE, DNS_SERVICE, NODES, PODS, SERVICES, Layout
from cluster.machine.mounts import below
from cluster.machine.node import containerd_config, kubelet_settings

_MANIFESTS = Path(lock.__file__).parent / "manifests"


def test_the_nodes_share_no_address_and_no_folder() -> None:
    """Two kubelets on one machine must not meet."""
    layout = Layout(Path("/var/tmp/cluster"))
    one, two = (layout.of(node) for node in NODES)
    assert one.folder != two.folder
    spans = [(ipaddress.IPv4Address(node.first), ipaddress.IPv4Address(node.last)) for node in NODES]
    assert spans[0][1] < spans[1][0]
    addresses = [ipaddress.IPv4Address(node.address) for node in NODES]
    assert all(address in ipaddress.IPv4Network(PODS) for address in (*addresses, *spans[0], *spans[1]))
    assert not any(first <= address <= last for address in addresses for first, last in spans)


def test_services_of_the_cluster_have_addresses_of_services() -> None:
    """And CoreDNS's manifest names the one that kubelets tell pods."""
    assert all(ipaddress.ip_address(each) in ipaddress.ip_network(SERVICES) for each in (API_SERVICE, DNS_SERVICE))
    documents = list(yaml.safe_load_all((_MANIFESTS / "coredns.yaml").read_text()))
    service = next(each for each in documents if each["kind"] == "Service")
    assert service["spec"]["clusterIP"] == DNS_SERVICE
    assert [each["image"] for each in containers(documents)] == [COREDNS.image]


@pytest.mark.parametrize("path", ["relative/state", "/a" * 30])
def test_a_state_folder_too_long_for_sockets_is_refused(path: str) -> None:
    """Linux allows 107 characters for a socket's path; containerd would say so much later."""
    with pytest.raises(ValueError, match="at most"):
        Layout(Path(path))


@pytest.mark.parametrize("node", NODES)
def test_all_that_containerd_and_kubelet_write_is_in_the_nodes_folder(node: Any) -> None:
    """So that it goes with the folder."""
    files = Layout(Path("/var/tmp/cluster")).of(node)
    config = tomllib.loads(containerd_config(files))
    plugin = config["plugins"]["io.containerd.grpc.v1.cri"]
    runc = plugin["containerd"]["runtimes"]["runc"]["options"]
    settings = kubelet_settings(node, files)
    socket = settings["containerRuntimeEndpoint"].removeprefix("unix://")
    assert socket == config["grpc"]["address"]
    written = [config["root"], config["state"], plugin["cni"]["conf_dir"], runc["Root"], socket]
    written += [settings["podLogsDir"], settings["volumePluginDir"], settings["resolvConf"]]
    assert all(Path(path).is_relative_to(files.folder) for path in written)


def test_pods_get_addresses_of_their_node(tmp_path: Path) -> None:
    """CNI's configuration of the second node."""
    network.write_cni(tmp_path / "cni", tmp_path / "addresses", NODES[1])
    document = json.loads((tmp_path / "cni" / "10-soban.conflist").read_text())
    span = document["plugins"][0]["ipam"]["ranges"][0][0]
    assert (span["rangeStart"], span["rangeEnd"], span["gateway"]) == ("10.88.2.2", "10.88.2.250", NODES[0].address)
    assert document["name"] == NODES[1].cni_network


def test_an_archive_names_its_image_and_every_digest_is_right(tmp_path: Path) -> None:
    """As containerd reads it: index, manifest, config, layer."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF static")
    archive = program_archive(tmp_path / "a.tar", METRICS_SERVER.image, program, "/metrics-server", "x86_64")
    with tarfile.open(archive) as tar:
        content = {entry.name: _read(tar, entry) for entry in tar}
    blobs = {name.rpartition("/")[2]: data for name, data in content.items() if name.startswith("blobs/")}
    assert all(hashlib.sha256(data).hexdigest() == digest for digest, data in blobs.items())
    entry = json.loads(content["index.json"])["manifests"][0]
    assert entry["annotations"]["io.containerd.image.name"] == METRICS_SERVER.image
    manifest = json.loads(blobs[entry["digest"].removeprefix("sha256:")])
    config = json.loads(blobs[manifest["config"]["digest"].removeprefix("sha256:")])
    assert config["config"] == {"Entrypoint": ["/metrics-server"], "User": "65532:65532", "WorkingDir": "/"}
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
    assert config["architecture"] == "amd64"


def _read(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(entry)
    assert file is not None
    return file.read()


def test_one_cluster_has_the_machine(tmp_path: Path) -> None:
    """The second is told where the first one is; only the first can give the machine back."""
    file = tmp_path / "lock"
    lock.take(Path("/one"), file)
    with pytest.raises(lock.TakenError, match="down --state /one"):
        lock.take(Path("/two"), file)
    with pytest.raises(lock.TakenError):
        lock.refuse_other(Path("/two"), file)
    lock.release(Path("/two"), file)
    assert lock.holder(file) == Path("/one")
    lock.release(Path("/one"), file)
    assert lock.holder(file) is None


def test_nothing_is_mounted_below_a_new_folder(tmp_path: Path) -> None:
    """And the machine's root is a mount of everything above."""
    assert below(tmp_path) == []
