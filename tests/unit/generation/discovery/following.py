"""Reads what a source tells, set by set."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from soban.generation.discovery.source import Found, Source


class Follower:
    """Of one source."""

    def __init__(self) -> None:
        self.sets: list[frozenset[Found]] = []
        self._more = asyncio.Condition()

    async def heard(self, found: frozenset[Found]) -> None:
        async with self._more:
            self.sets.append(found)
            self._more.notify_all()

    @property
    def urls(self) -> list[str]:
        """Of the last set."""
        return sorted(found.url for found in self.sets[-1])

    async def until(self, *urls: str) -> None:
        """Returns when exactly these replicas are there."""
        async with asyncio.timeout(10), self._more:
            await self._more.wait_for(lambda: bool(self.sets) and self.urls == sorted(urls))


@contextlib.asynccontextmanager
async def following(source: Source) -> AsyncIterator[Follower]:
    follower = Follower()

    async def follow() -> None:
        async with contextlib.aclosing(source.watch()) as sets:
            async for found in sets:
                await follower.heard(found)

    task = asyncio.create_task(follow())
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
