"""Streams that tell whether a model has work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from soban.scaler.activity import Activity


class States:
    """What is known of each model."""

    def __init__(self) -> None:
        self.of: dict[str, bool | None] = {}
        self.activity = Activity(self.of.get, longest=100.0)

    def set(self, model: str, active: bool | None) -> None:
        self.of[model] = active
        self.activity.changed({model}, {model} if active else set())


@pytest.fixture
def states() -> States:
    return States()


async def take(stream: AsyncGenerator[bool, None], seconds: float = 5.0) -> bool:
    async with asyncio.timeout(seconds):
        return await anext(stream)


async def test_each_stream_hears_of_its_own_model(states: States) -> None:
    """What is known at once, and then the change."""
    states.of.update({"ko": False, "ko-8b": False})
    watch, closing = states.activity.watch, contextlib.aclosing
    async with closing(watch("ko")) as one, closing(watch("ko-8b")) as other:
        assert [await take(one), await take(other)] == [False, False]
        states.set("ko", True)
        assert await take(one) is True
        with pytest.raises(TimeoutError):
            await take(other, 0.05)


async def test_work_that_comes_and_goes_before_anyone_looks_is_told(states: States) -> None:
    """To every stream."""
    states.of["ko"] = False
    streams = [states.activity.watch("ko") for _ in range(3)]
    assert [await take(stream) for stream in streams] == [False] * 3
    states.set("ko", True)
    states.set("ko", False)
    assert [await take(stream) for stream in streams] == [True] * 3
    assert [await take(stream) for stream in streams] == [False] * 3
    for stream in streams:
        await stream.aclose()


async def test_a_stream_waits_for_a_model_that_is_not_known_yet(states: States) -> None:
    """It says nothing until then."""
    async with contextlib.aclosing(states.activity.watch("ko")) as stream:
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.01)
        assert not first.done()
        states.set("ko", True)
        assert await asyncio.wait_for(first, 5) is True


@pytest.mark.parametrize("active", [True, None])
async def test_streams_end_well_when_the_server_stops(states: States, active: bool | None) -> None:
    """Those that are under way, and those that still come."""
    states.of["ko"] = active
    streams = [states.activity.watch("ko") for _ in range(3)]
    ends = [asyncio.create_task(read_to_end(stream)) for stream in streams]
    targets = asyncio.create_task(states.activity.until_end())
    await asyncio.sleep(0.01)
    states.activity.close()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*ends) == [[active]] * 3 if active else [[]] * 3
        await targets
        assert await read_to_end(states.activity.watch("ko")) == []


async def test_a_stream_ends_before_the_longest_call_does() -> None:
    """Its end is well, and that of a call that is cut is not."""
    activity = Activity({"ko": True}.get, longest=0.1)
    async with asyncio.timeout(5):
        assert await read_to_end(activity.watch("ko")) == [True]
        await activity.until_end()


async def read_to_end(stream: AsyncIterator[bool]) -> list[bool]:
    return [active async for active in stream]
