"""The addresses of a host name as they come and go, such as those of a headless Service.

A name that has IPv4 and IPv6 addresses is taken to mean the same hosts by both, as a dual-stack Service does: then the
IPv4 ones are used.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

_logger = logging.getLogger(__name__)

_ANSWER_SECONDS = 10.0
_KEEP_UNNAMED_SECONDS = 30.0
_KEEP_UNANSWERED_SECONDS = 600.0
_NO_SUCH_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

Answer = list[tuple[socket.AddressFamily, str]]
Resolve = Callable[[str, int], Awaitable[Answer]]
"""Of a host and a port. Raises OSError."""


async def system_resolver(host: str, port: int) -> Answer:
    """As every other program of this machine resolves it, `/etc/hosts` included. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(address[0])) for family, _, _, _, address in found]


class HostAddresses:
    """Asks for the addresses of `host` again and again, every `every` seconds.

    A name without addresses keeps its last ones for 30 seconds: name servers that restart say that, too. While none
    answers, they are kept for 10 minutes; whoever uses them finds out anyway which of them live.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        every: float,
        resolve: Resolve = system_resolver,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._port = port
        self._resolve = resolve
        self._every = every
        self._clock = clock
        self._known: frozenset[str] = frozenset()
        self._answered_at = clock()
        self._why_not = ""

    @property
    def why_not(self) -> str:
        """What keeps it from knowing them now, as a sentence; empty when nothing does."""
        return self._why_not

    async def watch(self) -> AsyncGenerator[frozenset[str], None]:
        """Yields all addresses as `host:port` with the given port, IPv6 in brackets: at once, then each time they are
        others. Empty at first when the name has none yet; it never ends."""
        told: frozenset[str] | None = None
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

    def _found(self, addresses: Answer) -> None:
        if self._why_not:
            _logger.info("name has addresses again", extra={"host": self._host})
        four = {address for family, address in addresses if family == socket.AF_INET}
        six = {f"[{address}]" for family, address in addresses if family == socket.AF_INET6}
        self._why_not, self._answered_at = "", self._clock()
        self._known = frozenset(f"{address}:{self._port}" for address in four or six)

    def _missed(self, what: str, keep: float) -> None:
        if not self._why_not:
            _logger.warning("name not resolved", extra={"host": self._host, "error": what, "kept": len(self._known)})
        self._why_not = f"{self._host} has no address: {what}"
        if self._clock() - self._answered_at > keep:
            self._known = frozenset()
