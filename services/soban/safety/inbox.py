"""Reads a request stream ahead, so that what has come meanwhile is handled in one go."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")

MOST_AHEAD = 64
"""Messages that are read before they are handled; then the sender has to wait."""


async def batches(source: AsyncIterator[T]) -> AsyncGenerator[list[T], None]:
    """Yields all that has come since, at least one message each time. Raises what the source raises.

    Whoever stops reading closes the generator (`contextlib.aclosing`), which ends the reading.
    """
    inbox: _Inbox[T] = _Inbox()
    reader = asyncio.create_task(inbox.fill(source))
    # Whoever closes early does not ask how the reading ended; asyncio would complain that nobody did.
    reader.add_done_callback(lambda task: task.cancelled() or task.exception())
    try:
        while not inbox.is_empty_for_good:
            batch = await inbox.take()
            if batch:
                yield batch
        await reader
    finally:
        reader.cancel()


class _Inbox(Generic[T]):
    def __init__(self) -> None:
        self._messages: deque[T] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._over = False

    @property
    def is_empty_for_good(self) -> bool:
        return self._over and not self._messages

    async def fill(self, source: AsyncIterator[T]) -> None:
        try:
            async for message in source:
                self._messages.append(message)
                self._arrived.set()
                if len(self._messages) >= MOST_AHEAD:
                    self._room.clear()
                    await self._room.wait()
        finally:
            self._over = True
            self._arrived.set()

    async def take(self) -> list[T]:
        await self._arrived.wait()
        self._arrived.clear()
        batch = list(self._messages)
        self._messages.clear()
        self._room.set()
        return batch
