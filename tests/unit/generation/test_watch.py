"""WatchLoad: at once, on change, as a sign of life, until the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest
from google.protobuf.duration_pb2 import Duration

import soban.v1 as pb
from soban.generation.load import loads_of
from soban.generation.watch import LoadWatch
from soban.runtime.errors import InvalidField, ModelNotFound

LONG = 3600.0
OFTEN = pb.WatchLoadRequest(min_interval=Duration(nanos=100_000_000))


class Loads:
    """What a test lets the load be."""

    def __init__(self) -> None:
        self.load = pb.ModelLoad(model="ko", queued=0)
        self.looks = 0

    def __call__(self, names: Sequence[str]) -> list[pb.ModelLoad]:
        self.looks += 1
        return loads_of({"ko": self._copy, "ko-8b": lambda: pb.ModelLoad(model="ko-8b")}, names)

    def _copy(self) -> pb.ModelLoad:
        copy = pb.ModelLoad()
        copy.CopyFrom(self.load)
        return copy


@pytest.fixture
def loads() -> Loads:
    return Loads()


async def following(events: AsyncGenerator[pb.WatchLoadResponse, None]) -> pb.WatchLoadResponse:
    async with asyncio.timeout(20):
        return await anext(events)


async def test_the_load_is_told_at_once_and_after_each_change(loads: Loads) -> None:
    async with aclosing(LoadWatch(loads, LONG).watch(OFTEN)) as events:
        first = await following(events)
        assert [load.model for load in first.loads] == ["ko", "ko-8b"]
        loads.load.queued = 3
        assert (await following(events)).loads[0].queued == 3
        loads.load.ClearField("queued")
        assert not (await following(events)).loads[0].HasField("queued")


async def test_nothing_new_is_told_only_as_a_sign_of_life(loads: Loads) -> None:
    async with aclosing(LoadWatch(loads, 0.3).watch(OFTEN)) as events:
        first = await following(events)
        looks = loads.looks
        again = await following(events)
        assert again == first
        assert loads.looks > looks + 1


async def test_age_alone_is_no_change(loads: Loads) -> None:
    loads.load.staleness_seconds = 1.0
    async with aclosing(LoadWatch(loads, LONG).watch(OFTEN)) as events:
        await following(events)
        waiting = asyncio.ensure_future(anext(events))
        looks = loads.looks
        while loads.looks < looks + 3:
            loads.load.staleness_seconds += 1
            await asyncio.sleep(0.01)
        assert not waiting.done()
        loads.load.running = 1
        async with asyncio.timeout(20):
            assert (await waiting).loads[0].running == 1


async def test_only_the_named_models_are_watched(loads: Loads) -> None:
    request = pb.WatchLoadRequest(models=["ko-8b"])
    async with aclosing(LoadWatch(loads).watch(request)) as events:
        assert [load.model for load in (await following(events)).loads] == ["ko-8b"]


async def test_an_unknown_model_is_not_found(loads: Loads) -> None:
    with pytest.raises(ModelNotFound):
        await following(LoadWatch(loads).watch(pb.WatchLoadRequest(models=["ko", "없는-모델"])))


@pytest.mark.parametrize(
    "interval",
    [
        Duration(),
        Duration(seconds=-1),
        Duration(nanos=1),
        Duration(seconds=61),
        Duration(seconds=1, nanos=-5),
        Duration(seconds=0, nanos=2_000_000_000),
        Duration(seconds=9_000_000_000_000_000_000),
        Duration(seconds=-9_000_000_000_000_000_000, nanos=-1),
    ],
)
async def test_absurd_intervals_are_refused_by_their_path(loads: Loads, interval: Duration) -> None:
    with pytest.raises(InvalidField) as caught:
        await following(LoadWatch(loads).watch(pb.WatchLoadRequest(min_interval=interval)))
    assert [violation.field for violation in caught.value.violations] == ["min_interval"]
    assert loads.looks == 0


async def test_a_watcher_that_leaves_is_gone(loads: Loads) -> None:
    events = LoadWatch(loads, LONG).watch(OFTEN)
    await following(events)
    task = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    looks = loads.looks
    await asyncio.sleep(0.3)
    assert loads.looks == looks


async def test_all_watchers_end_when_the_server_stops(loads: Loads) -> None:
    watch = LoadWatch(loads, LONG)
    streams = [watch.watch(pb.WatchLoadRequest()) for _ in range(3)]
    for events in streams:
        await following(events)
    waiting = [asyncio.ensure_future(anext(events, None)) for events in streams]
    await asyncio.sleep(0)
    watch.close()
    async with asyncio.timeout(20):
        assert await asyncio.gather(*waiting) == [None, None, None]
