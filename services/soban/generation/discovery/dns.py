"""`dns+http://host:port`: one replica for each address that the name has, such as those of a headless Service.

With https, the engines' certificates must name their addresses.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from urllib.parse import urlsplit

from soban.generation.discovery.source import Found
from soban.runtime.host_addresses import HostAddresses, Resolve, system_resolver

_EVERY_SECONDS = 5.0


class Dns:
    """`url` is the address without `dns+`. Addresses are kept as `HostAddresses` says; each replica has its health
    probes anyway."""

    def __init__(
        self,
        url: str,
        group: int = 0,
        weight: float | None = None,
        *,
        resolve: Resolve = system_resolver,
        every: float = _EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._addresses = HostAddresses(parts.hostname or "", port, resolve=resolve, every=every, clock=clock)
        self._scheme, self._path = parts.scheme, parts.path
        self._group = group
        self._weight = weight

    @property
    def why_not(self) -> str:
        """As `Source.why_not`."""
        return self._addresses.why_not

    async def watch(self) -> AsyncGenerator[frozenset[Found], None]:
        """As `Source.watch`; empty at first when the name has no address yet."""
        async with aclosing(self._addresses.watch()) as sets:
            async for addresses in sets:
                yield frozenset(self._replica(address) for address in addresses)

    def _replica(self, address: str) -> Found:
        return Found(f"{self._scheme}://{address}{self._path}", self._group, self._weight)
