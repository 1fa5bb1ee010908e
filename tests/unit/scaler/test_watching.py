"""Listening to pods as they are found, hang and go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable

import pytest

import soban.v1 as pb
from soban.runtime.process import Backoff
from soban.scaler.pods import Pods
from soban.scaler.totals import Metric
from soban.scaler.watching import PodLost, Watching
from unit.scaler.loads import load

SHORT = Backoff(first=0.001, longest=0.002)


class Discovery:
    """Sets of addresses as they are put in; an exception is raised."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[frozenset[str] | Exception] = asyncio.Queue()

    def finds(self, *addresses: str) -> None:
        self.queue.put_nowait(frozenset(addresses))

    async def watch(self) -> AsyncGenerator[frozenset[str], None]:
        while True:
            found = await self.queue.get()
            if isinstance(found, Exception):
                raise found
            yield found


class Telling:
    """Pods by address: each connection is remembered, and tells what is put in; None breaks it, or ends it where
    that `is_well`."""

    def __init__(self) -> None:
        self.open: dict[str, asyncio.Queue[pb.ModelLoad | None]] = {}
        self.connections: list[str] = []
        self.is_well = False

    async def listen(self, address: str) -> AsyncGenerator[Iterable[pb.ModelLoad], None]:
        self.connections.append(address)
        queue = self.open[address] = asyncio.Queue()
        try:
            while (told := await queue.get()) is not None:
                yield [told]
            if not self.is_well:
                raise PodLost("UNAVAILABLE")
        finally:
            if self.open.get(address) is queue:
                del self.open[address]

    async def tell(self, address: str, told: pb.ModelLoad | None) -> None:
        await until(lambda: address in self.open)
        self.open[address].put_nowait(told)


class World(Telling):
    """All of it around a `Watching`."""

    def __init__(self) -> None:
        super().__init__()
        self.discovery = Discovery()
        self.pods = Pods(stale_seconds=15.0)
        self.watching = Watching(self.discovery, self.listen, self.pods, SHORT)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    world.watching.start()
    yield world
    await world.watching.stop()
    assert world.open == {}


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.001)


async def test_every_pod_is_listened_to(world: World) -> None:
    """And what each tells is summed."""
    world.discovery.finds("a", "b")
    await world.tell("a", load(running=1))
    await world.tell("b", load(running=2))
    await until(lambda: world.pods.complete)
    assert world.pods.total("ko", Metric.SEQUENCES) == 3


async def test_a_pod_that_is_lost_is_asked_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Its last numbers count meanwhile, and the log has the loss once."""
    world.discovery.finds("a")
    await world.tell("a", load(running=1))
    await until(lambda: world.pods.complete)
    for _ in range(3):
        connections = len(world.connections)
        await world.tell("a", None)
        await until(lambda so_far=connections: len(world.connections) > so_far)  # type: ignore[misc]
        assert world.pods.total("ko", Metric.SEQUENCES) == 1
    await world.tell("a", load(running=5))
    await until(lambda: world.pods.total("ko", Metric.SEQUENCES) == 5)
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


async def test_an_end_that_is_no_loss_is_not_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The pod is asked again; a loss right after it is told."""
    world.is_well = True
    world.discovery.finds("a")
    for running in (1, 2):
        await world.tell("a", load(running=running))
        await world.tell("a", None)
        await until(lambda so_far=running: len(world.connections) > so_far)  # type: ignore[misc]
        assert world.pods.total("ko", Metric.SEQUENCES) == running
    assert "lost" not in caplog.text
    world.is_well = False
    await world.tell("a", None)
    await until(lambda: "generation pod lost" in caplog.text)


async def test_a_pod_that_is_gone_is_left_alone(world: World) -> None:
    """Its connection ends; one that comes back is a new one."""
    world.discovery.finds("a", "b")
    await world.tell("a", load(running=1))
    await world.tell("b", load(running=2))
    await until(lambda: world.pods.complete)
    world.discovery.finds("b")
    await until(lambda: "a" not in world.open)
    assert world.pods.total("ko", Metric.SEQUENCES) == 2
    world.discovery.finds("a", "b")
    await world.tell("a", load(running=7))
    await until(lambda: world.pods.complete)
    assert world.pods.total("ko", Metric.SEQUENCES) == 9
    assert sorted(world.connections) == ["a", "a", "b"]


async def test_a_bug_in_watching_makes_all_unknown(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Better than numbers that will never change again."""
    world.discovery.finds("a")
    await world.tell("a", load())
    await until(lambda: world.pods.complete)
    world.discovery.queue.put_nowait(RuntimeError("no such case"))
    await until(lambda: world.pods.count == 0)
    assert "watching failed" in caplog.text


async def test_stopping_twice_or_before_the_start_is_fine() -> None:
    """As components are stopped after any failure."""
    world = World()
    await world.watching.stop()
    world.watching.start()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(world.discovery.queue.join(), 0.01)
    await world.watching.stop()
    await world.watching.stop()
