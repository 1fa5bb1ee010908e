"""Reading ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from soban.safety.inbox import MOST_AHEAD, batches


async def counting(upto: int, *, pause: bool = False) -> AsyncIterator[int]:
    for number in range(upto):
        if pause:
            await asyncio.sleep(0.001)
        yield number


async def test_what_has_come_is_given_in_one_go() -> None:
    """In order, nothing lost, and never more than a bounded number."""
    got = [batch async for batch in batches(counting(200))]
    assert [number for batch in got for number in batch] == list(range(200))
    assert max(len(batch) for batch in got) == MOST_AHEAD


async def test_what_comes_slowly_comes_singly() -> None:
    """No message waits for another."""
    assert [batch async for batch in batches(counting(3, pause=True))] == [[0], [1], [2]]


async def test_an_error_of_the_source_is_raised_after_what_came_before() -> None:
    """As it is."""

    async def failing() -> AsyncIterator[int]:
        yield 1
        raise LookupError("source")

    got: list[list[int]] = []
    with pytest.raises(LookupError, match="source"):
        async for batch in batches(failing()):
            got.append(batch)
    assert got == [[1]]


async def test_closing_ends_the_reading() -> None:
    """Also while the source would go on for ever."""
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            closed.set()

    async with aclosing(batches(endless())) as inbox:
        await anext(inbox)
    await asyncio.wait_for(closed.wait(), 1)
