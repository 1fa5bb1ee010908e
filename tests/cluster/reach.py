"""How a client outside the cluster reaches the gateway."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from cluster.kubectl import Kubectl

_CONNECT_SECONDS = 2.0


@dataclass(frozen=True)
class Gateway:
    """Addresses of the gateway, and how they were found: `ClusterIP` or `NodePort`."""

    grpc: str
    http: str
    how: str


class NotReachedError(Exception):
    """No address of the gateway answers from this machine."""


async def reach(kubectl: Kubectl, namespace: str, service: str) -> Gateway:
    """The Service's own address where this machine is a node, else a port of a node. Raises NotReachedError.

    `kubectl port-forward` is no way: it stays with one pod, and a test of restarts would see that pod go.
    """
    found = await kubectl.get("service", service, namespace)
    ports = {port["name"]: port["port"] for port in found["spec"]["ports"]}
    address = found["spec"]["clusterIP"]
    if await _answers(address, ports["grpc"]):
        return Gateway(f"{address}:{ports['grpc']}", f"http://{address}:{ports['http']}", "ClusterIP")
    return await _by_node_port(kubectl, namespace, service)


async def _by_node_port(kubectl: Kubectl, namespace: str, service: str) -> Gateway:
    """Opens ports on all nodes; they go with the Service."""
    await kubectl.patch("service", service, {"spec": {"type": "NodePort"}}, namespace)
    found = await kubectl.get("service", service, namespace)
    ports = {port["name"]: port["nodePort"] for port in found["spec"]["ports"]}
    for node in await kubectl.items("nodes"):
        for entry in node["status"]["addresses"]:
            address = entry["address"]
            if entry["type"].endswith("IP") and await _answers(address, ports["grpc"]):
                return Gateway(f"{address}:{ports['grpc']}", f"http://{address}:{ports['http']}", "NodePort")
    raise NotReachedError(f"neither the ClusterIP nor a node port of {namespace}/{service} answers from this machine")


async def _answers(host: str, port: int) -> bool:
    for _ in range(3):
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return True
        await asyncio.sleep(0.3)
    return False
