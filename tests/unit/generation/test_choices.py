"""Several answers to one request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from soban.generation.choices import all_choices, choice_seeds
from soban.generation.engine import EngineRequest, Event, Piece, Started
from soban.runtime.errors import EngineLost
from unit.generation.conftest import ask
from unit.generation.fakes import END, FakeEngine


def answers(engine: FakeEngine, count: int) -> list[AsyncGenerator[Event, None]]:
    return [engine.generate(EngineRequest(ask())) for _ in range(count)]


def test_each_choice_has_its_own_seed() -> None:
    """Choice i has seed + i; without one the engine picks."""
    assert choice_seeds(ask(n=3, seed=7)) == [7, 8, 9]
    assert choice_seeds(ask(seed=0)) == [0]
    assert choice_seeds(ask(n=2)) == [None, None]


async def test_all_events_come_and_one_start_of_all() -> None:
    """Whoever reads hears once that an engine has the request."""
    async with aclosing(all_choices(answers(FakeEngine(), 3))) as events:
        found = [item async for item in events]
    assert [item.event for item in found].count(Started()) == 1
    assert sorted(item.choice for item in found if item.event == END) == [0, 1, 2]
    for choice in range(3):
        said = [item.event for item in found if item.choice == choice and item.event != Started()]
        assert said == [Piece("안녕", tokens=1), END]


async def test_choices_come_side_by_side() -> None:
    """A slow one does not hold up the others."""
    slow = asyncio.Event()
    engine = FakeEngine([slow, END], [Piece("빠름"), END])
    async with aclosing(all_choices(answers(engine, 2))) as events:
        assert (await anext(events)).event == Piece("빠름")
        assert (await anext(events)).event == END
        slow.set()
        assert (await anext(events)).event == END


async def test_the_error_of_one_ends_all() -> None:
    """And the others are closed."""
    engine = FakeEngine([asyncio.Event()], [Piece("가"), EngineLost("gone")])
    with pytest.raises(EngineLost):
        async with aclosing(all_choices(answers(engine, 2))) as events:
            async for _ in events:
                pass
    assert engine.closed == 2


@pytest.mark.parametrize("count", [1, 3])
async def test_closing_early_closes_every_choice(count: int) -> None:
    """Whoever leaves leaves no work behind."""
    engine = FakeEngine([Started(), Piece("가"), asyncio.Event()])
    async with aclosing(all_choices(answers(engine, count))) as events:
        async for item in events:
            if item.event == Piece("가"):
                break
    assert engine.closed == count
