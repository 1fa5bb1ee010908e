"""`dns+http://host:port`: one replica for each address that the name has, such as those of a headless Service.

A name that has IPv4 and IPv6 addresses is taken to mean the same engines by both, as a dual-stack Service does: then
the IPv4 ones are used. With https, the engines' certificates must name their addresses.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from urllib.parse import urlsplit

from soban.generation.discovery.source import Found

_logger = logging.getLogger(__name__)

_EVERY_SECONDS = 5.0
_ANSWER_SECONDS = 10.0
_KEEP_UNNAMED_SECONDS = 30.0
_KEEP_UNANSWERED_SECONDS = 600.0
_NO_SUCH_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

Addresses = list[tuple[socket.AddressFamily, str]]
Resolve = Callable[[str, int], Awaitable[Addresses]]


async def _system_resolver(host: str, port: int) -> Addresses:
    """As every other program of this machine resolves it, `/etc/hosts` included. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(address[0])) for family, _, _, _, address in found]


class Dns:
    """`url` is the address without `dns+`.

    A name without addresses keeps its last ones for 30 seconds: name servers that restart say that, too. While none
    answers, they are kept for 10 minutes; each replica has its health probes anyway.
    """

    def __init__(
        self,
        url: str,
        group: int = 0,
        weight: float | None = None,
        *,
        resolve: Resolve = _system_resolver,
        every: float = _EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(url)
        self._scheme, self._path = parts.scheme, parts.path
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._group = group
        self._weight = weight
        self._resolve = resolve
        self._every = every
        self._clock = clock
        self._known: frozenset[Found] = frozenset()
        self._answered_at = clock()
        self._why_not = ""

    @property
    def why_not(self) -> str:
        """As `Source.why_not`."""
        return self._why_not

    async def watch(self) -> AsyncGenerator[frozenset[Found], None]:
        """As `Source.watch`; empty at first when the name has no address yet."""
        told: frozenset[Found] | None = None
        while True:
            await self._ask()
            if self._known != told:
                told = self._known
                yield told
            await asyncio.sleep(self._every)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                addresses = await self._resolve(self._host, self._port)
        except TimeoutError:
            self._missed("the name servers do not answer", _KEEP_UNANSWERED_SECONDS)
        except OSError as err:
            unnamed = isinstance(err, socket.gaierror) and err.errno in _NO_SUCH_NAME
            self._missed(err.strerror or str(err), _KEEP_UNNAMED_SECONDS if unnamed else _KEEP_UNANSWERED_SECONDS)
        else:
            self._found(addresses)

    def _found(self, addresses: Addresses) -> None:
        if self._why_not:
            _logger.info("name has addresses again", extra={"host": self._host})
        four = {address for family, address in addresses if family == socket.AF_INET}
        six = {f"[{address}]" for family, address in addresses if family == socket.AF_INET6}
        self._why_not, self._answered_at = "", self._clock()
        self._known = frozenset(self._replica(address) for address in four or six)

    def _missed(self, what: str, keep: float) -> None:
        if not self._why_not:
            _logger.warning("name not resolved", extra={"host": self._host, "error": what, "kept": len(self._known)})
        self._why_not = f"{self._host} has no address: {what}"
        if self._clock() - self._answered_at > keep:
            self._known = frozenset()

    def _replica(self, address: str) -> Found:
        return Found(f"{self._scheme}://{address}:{self._port}{self._path}", self._group, self._weight)
