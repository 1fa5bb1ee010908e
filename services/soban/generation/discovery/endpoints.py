"""What EndpointSlices of a Service say about where its pods are. Pure functions over the API's JSON.

https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

Slice = Mapping[str, Any]
"""An EndpointSlice of discovery.k8s.io/v1."""

_FAMILIES = ("IPv4", "IPv6")


def endpoints_of(slices: Collection[Slice], port: str) -> frozenset[str]:
    """`address:port` of all endpoints that take new requests; IPv6 addresses in brackets.

    A pod in several slices counts once; one with addresses of both families by its IPv4 one. `port` is a name or a
    number. Slices hold the port of the pods: a number that is not among them stands for the only port there is, as
    port 80 of a Service does for its target 8000.
    """
    chosen: dict[str, str] = {}
    for family in _FAMILIES:
        for item in slices:
            if item.get("addressType") == family and (number := _port_of(item, port)) is not None:
                _collect(item, number, chosen, family)
    return frozenset(chosen.values())


def _collect(item: Slice, number: int, chosen: dict[str, str], family: str) -> None:
    for endpoint in item.get("endpoints") or ():
        if _takes_requests(endpoint):
            address = endpoint["addresses"][0]
            shown = f"[{address}]" if family == "IPv6" else address
            chosen.setdefault(_pod_of(endpoint) or address, f"{shown}:{number}")


def _takes_requests(endpoint: Mapping[str, Any]) -> bool:
    """An unset `ready` means true. A pod that terminates may still serve; what it serves already runs to its end."""
    conditions = endpoint.get("conditions") or {}
    return conditions.get("ready") is not False and not conditions.get("terminating") and bool(endpoint["addresses"])


def _pod_of(endpoint: Mapping[str, Any]) -> str:
    target = endpoint.get("targetRef") or {}
    return str(target.get("uid") or target.get("name") or "")


def _port_of(item: Slice, wanted: str) -> int | None:
    ports = [port for port in item.get("ports") or () if port.get("port") is not None]
    for port in ports:
        if wanted in (port.get("name") or None, str(port["port"])):
            return int(port["port"])
    only = len(ports) == 1 and (wanted.isdigit() or not wanted)
    return int(ports[0]["port"]) if only else None
