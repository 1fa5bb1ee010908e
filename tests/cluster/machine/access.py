"""Kubeconfigs: who the parts of the cluster are to its API server."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from cluster.machine.layout import API_URL
from cluster.machine.pki import Pair


def write_kubeconfig(file: Path, authority: Pair, identity: Pair) -> Path:
    """A kubeconfig with everything inside, so that it can be copied; JSON, which is YAML."""
    document = kubeconfig(_text(authority.certificate), _text(identity.certificate), _text(identity.key))
    file.touch(mode=0o600)
    file.write_text(json.dumps(document, indent=1))
    return file


def kubeconfig(authority: str, certificate: str, key: str) -> dict[str, Any]:
    """The document; all three are base64 of PEM."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "soban",
        "clusters": [{"name": "soban", "cluster": {"server": API_URL, "certificate-authority-data": authority}}],
        "users": [{"name": "soban", "user": {"client-certificate-data": certificate, "client-key-data": key}}],
        "contexts": [{"name": "soban", "context": {"cluster": "soban", "user": "soban"}}],
    }


def _text(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
