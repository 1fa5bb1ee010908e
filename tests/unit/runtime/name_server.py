"""A name server that is told what to say, and a clock."""

from __future__ import annotations

import asyncio
import socket

from soban.runtime.host_addresses import Answer

FOUR, SIX = socket.AF_INET, socket.AF_INET6
GONE = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
SILENT = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


class NameServer:
    """Called as `Resolve` is. `now` is its clock's time."""

    def __init__(self, *addresses: tuple[socket.AddressFamily, str]) -> None:
        self.answer: Answer | Exception = list(addresses)
        self.now = 0.0
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Answer:
        self.asked.append((host, port))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def clock(self) -> float:
        return self.now

    async def asked_again(self) -> None:
        """Returns when a question that began after this call was answered."""
        seen = len(self.asked) + 1
        async with asyncio.timeout(10):
            while len(self.asked) <= seen:
                await asyncio.sleep(0.001)
