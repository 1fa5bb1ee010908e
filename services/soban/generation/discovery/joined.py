"""Several sources as one, for models that have several addresses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from soban.generation.discovery.source import Found, Source


class Joined:
    """All that `sources` find. What two of them find belongs to the first of the two."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)

    @property
    def why_not(self) -> str:
        """As `Source.why_not`, of all of them."""
        return "; ".join(source.why_not for source in self._sources if source.why_not)

    async def watch(self) -> AsyncGenerator[frozenset[Found], None]:
        """As `Source.watch`, first when each of them has answered."""
        latest: dict[int, frozenset[Found]] = {}
        changed = asyncio.Event()
        tasks = [
            asyncio.create_task(_follow(source, index, latest, changed)) for index, source in enumerate(self._sources)
        ]
        told: frozenset[Found] | None = None
        try:
            while not any(task.done() for task in tasks):
                await changed.wait()
                changed.clear()
                if len(latest) == len(tasks) and (union := _union(latest)) != told:
                    told = union
                    yield union
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(source: Source, index: int, latest: dict[int, frozenset[Found]], changed: asyncio.Event) -> None:
    try:
        async with aclosing(source.watch()) as sets:
            async for found in sets:
                latest[index] = found
                changed.set()
    finally:
        changed.set()


def _union(latest: dict[int, frozenset[Found]]) -> frozenset[Found]:
    by_url: dict[str, Found] = {}
    for index in sorted(latest):
        for found in latest[index]:
            by_url.setdefault(found.url, found)
    return frozenset(by_url.values())
