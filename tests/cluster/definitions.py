"""Resource definitions (CRDs) of others, as their Go modules carry them: lent to a cluster that lacks them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.builds import MODULES
from cluster.invoke import invoke
from cluster.kubectl import Kubectl

_FETCH_SECONDS = 300.0
_HERE = Path(__file__).parent / "crds"


@dataclass(frozen=True)
class Source:
    """Files of one Go module.

    module  that the go.mod in `required_by` requires
    folder  in the module
    files   in the folder, one definition each
    """

    module: str
    folder: str
    files: tuple[str, ...]
    required_by: Path = _HERE


KEDA = Source(
    "github.com/kedacore/keda/v2",
    "config/crd/bases",
    ("keda.sh_scaledobjects.yaml", "keda.sh_triggerauthentications.yaml"),
    MODULES / "keda",
)
PROMETHEUS_OPERATOR = Source(
    "github.com/prometheus-operator/prometheus-operator",
    "example/prometheus-operator-crd",
    (
        "monitoring.coreos.com_servicemonitors.yaml",
        "monitoring.coreos.com_podmonitors.yaml",
        "monitoring.coreos.com_prometheusrules.yaml",
    ),
)
GATEWAY_API = Source(
    "sigs.k8s.io/gateway-api",
    "config/crd/standard",
    (
        "gateway.networking.k8s.io_gateways.yaml",
        "gateway.networking.k8s.io_grpcroutes.yaml",
        "gateway.networking.k8s.io_httproutes.yaml",
    ),
)
KARPENTER = Source(
    "github.com/aws/karpenter-provider-aws",
    "pkg/apis/crds",
    ("karpenter.sh_nodepools.yaml", "karpenter.k8s.aws_ec2nodeclasses.yaml"),
)


@contextlib.asynccontextmanager
async def lent(kubectl: Kubectl, *sources: Source) -> AsyncIterator[list[str]]:
    """Definitions that the cluster lacks are there during the `async with`, and gone after it; yields their names.

    Those that it has stay untouched, whatever their version. Raises InvokeError.
    """
    wanted = [definition for source in sources for definition in await read(source)]
    present = {found["metadata"]["name"] for found in await kubectl.items("customresourcedefinitions")}
    lacking = [definition for definition in wanted if definition["metadata"]["name"] not in present]
    names = [definition["metadata"]["name"] for definition in lacking]
    try:
        if lacking:
            await kubectl.apply(*lacking)
            targets = [f"customresourcedefinition/{name}" for name in names]
            await kubectl.run("wait", "--for=condition=Established", "--timeout=30s", *targets)
        yield names
    finally:
        for name in names:
            await kubectl.delete("customresourcedefinition", name)


async def read(source: Source) -> list[Mapping[str, Any]]:
    """Definitions of a source; Go fetches the module when it is not in its cache. Raises InvokeError."""
    command = ("go", "-C", str(source.required_by), "mod", "download", "-json", source.module)
    told = json.loads(await invoke(*command, env=os.environ, timeout=_FETCH_SECONDS))
    folder = Path(told["Dir"]) / source.folder
    texts = await asyncio.gather(*(asyncio.to_thread((folder / file).read_text, "utf-8") for file in source.files))
    return [yaml.safe_load(text) for text in texts]
