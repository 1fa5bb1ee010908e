"""Keys, certificates and kubeconfigs of a cluster on this machine."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from cluster.machine.access import write_kubeconfig
from cluster.machine.pki import Pki

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def _text(certificate: Path) -> str:
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-text"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_certificate_carries_its_subject_and_names_and_its_authority_vouches_for_it(tmp_path: Path) -> None:
    """A kubelet's: the API server knows it by organisation and name, clients by address."""
    pki = Pki(tmp_path)
    authority = pki.authority("soban-ca")
    pair = pki.issue("kubelet", authority, "/O=system:nodes/CN=system:node:one", ("DNS:one", "IP:10.88.0.1"))
    shown = _text(pair.certificate)
    assert "O = system:nodes, CN = system:node:one" in shown
    assert "DNS:one, IP Address:10.88.0.1" in shown
    verify = ["openssl", "verify", "-CAfile", str(authority.certificate), str(pair.certificate)]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0


def test_a_certificate_serves_with_its_key(tmp_path: Path) -> None:
    """Certificate and key belong together, and only the owner reads the key."""
    pki = Pki(tmp_path)
    pair = pki.issue("server", pki.authority("ca"), "/CN=server", ("DNS:localhost",))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair.certificate, pair.key)
    assert pair.key.stat().st_mode & 0o777 == 0o600


def test_a_pair_that_is_there_is_given_again(tmp_path: Path) -> None:
    """Parts that start later are signed by the same authority."""
    first = Pki(tmp_path).authority("ca").certificate.read_bytes()
    assert Pki(tmp_path).authority("ca").certificate.read_bytes() == first


def test_a_subject_that_openssl_refuses_is_told(tmp_path: Path) -> None:
    """The error names what openssl said, not only its exit status."""
    pki = Pki(tmp_path)
    with pytest.raises(RuntimeError, match="openssl req"):
        pki.issue("bad", pki.authority("ca"), "no subject")


def test_a_kubeconfig_holds_everything_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    """It can be copied away from the state folder."""
    pki = Pki(tmp_path)
    authority = pki.authority("ca")
    identity = pki.issue("admin", authority, "/O=system:masters/CN=admin")
    file = write_kubeconfig(tmp_path / "kubeconfig", authority, identity)
    user = json.loads(file.read_text())["users"][0]["user"]
    assert base64.b64decode(user["client-key-data"]) == identity.key.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
