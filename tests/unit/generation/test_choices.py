"""Several answers to one request."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from soban.generation.choices import all_choices
from soban.generation.engine import Piece, Started
from soban.runtime.errors import EngineLost
from unit.generation.conftest import ask
from unit.generation.fakes import END, FakeEngine


async def test_each_choice_is_a_request_with_its_own_seed() -> None:
    """Choice i has seed + i."""
    engine = FakeEngine()
    async with aclosing(all_choices(engine, ask(n=3, seed=7))) as events:
        found = [item async for item in events]
    assert sorted(seed for _, seed in engine.asked if seed is not None) == [7, 8, 9]
    assert sorted(item.choice for item in found if item.event == END) == [0, 1, 2]
    for choice in range(3):
        assert [item.event for item in found if item.choice == choice] == [Started(), Piece("안녕", tokens=1), END]


async def test_without_a_seed_none_is_sent() -> None:
    """The engine picks them."""
    engine = FakeEngine()
    async with aclosing(all_choices(engine, ask(n=2))) as events:
        assert len([item async for item in events]) == 6
    assert [seed for _, seed in engine.asked] == [None, None]


async def test_choices_come_side_by_side() -> None:
    """A slow one does not hold up the others."""
    slow = asyncio.Event()
    engine = FakeEngine([slow, END], [Piece("빠름"), END])
    async with aclosing(all_choices(engine, ask(n=2))) as events:
        assert (await anext(events)).event == Piece("빠름")
        assert (await anext(events)).event == END
        slow.set()
        assert (await anext(events)).event == END


async def test_the_error_of_one_ends_all() -> None:
    """And the others are closed."""
    engine = FakeEngine([asyncio.Event()], [Piece("가"), EngineLost("gone")])
    with pytest.raises(EngineLost):
        async with aclosing(all_choices(engine, ask(n=2))) as events:
            async for _ in events:
                pass
    assert engine.closed == 2


@pytest.mark.parametrize("count", [1, 3])
async def test_closing_early_closes_every_choice(count: int) -> None:
    """Whoever leaves leaves no work behind."""
    engine = FakeEngine([Started(), Piece("가"), asyncio.Event()])
    async with aclosing(all_choices(engine, ask(n=count))) as events:
        await anext(events)
        await anext(events)
    assert engine.closed == count
