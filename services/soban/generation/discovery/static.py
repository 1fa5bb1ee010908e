"""Replicas that are written down, or started here: always the same ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable

from soban.generation.discovery.source import Found


class Static:
    """The given replicas."""

    why_not = ""

    def __init__(self, found: Iterable[Found]) -> None:
        self._found = frozenset(found)

    async def watch(self) -> AsyncGenerator[frozenset[Found], None]:
        """As `Source.watch`."""
        yield self._found
        await asyncio.get_running_loop().create_future()
