"""The stand-in for generation and the simulated pool behind it."""

from __future__ import annotations

import asyncio

import grpc
from google.protobuf.duration_pb2 import Duration

import soban.v1 as pb
from cluster.simulated_pool import SimulatedPool
from cluster.stand_in import StandIn


async def test_a_watcher_hears_the_loads_at_once_and_after_each_change() -> None:
    """As of a generation pod; a change while the least interval lasts is told after it."""
    loads = [pb.ModelLoad(model="ko-8b", held=1)]
    async with StandIn("127.0.0.1", lambda: loads) as stand_in, _channel(stand_in) as channel:
        request = pb.WatchLoadRequest(min_interval=Duration(nanos=50_000_000))
        watch = pb.GenerationServiceStub(channel).WatchLoad(request, timeout=5)
        assert [load.held for load in (await watch.read()).loads] == [1]
        loads[0] = pb.ModelLoad(model="ko-8b", held=2)
        await stand_in.changed()
        assert [load.held for load in (await watch.read()).loads] == [2]


async def test_only_the_models_that_are_asked_for_are_told_by_name() -> None:
    """Empty means all, ordered by name."""
    loads = [pb.ModelLoad(model="나"), pb.ModelLoad(model="가")]
    async with StandIn("127.0.0.1", lambda: loads) as stand_in, _channel(stand_in) as channel:
        stub = pb.GenerationServiceStub(channel)
        every = await stub.GetLoad(pb.GetLoadRequest(), timeout=5)
        one = await stub.GetLoad(pb.GetLoadRequest(models=["나"]), timeout=5)
    assert [load.model for load in every.loads] == ["가", "나"]
    assert [load.model for load in one.loads] == ["나"]


async def test_requests_are_held_without_replicas_and_queued_when_all_slots_are_taken() -> None:
    """The two kinds of waiting, and each change is news."""
    heard: list[None] = []
    pool = SimulatedPool("ko-8b", slots=2, seconds=60, news=lambda: heard.append(None))
    for _ in range(3):
        pool.request()
    assert (pool.load.held, pool.load.queued, pool.load.running) == (3, 0, 0)
    pool.replicas(ready=1, loading=1)
    assert (pool.load.held, pool.load.queued, pool.load.running) == (0, 1, 2)
    pool.replicas(ready=2, loading=0)
    assert (pool.load.queued, pool.load.running, pool.load.slots) == (0, 3, 4)
    assert len(heard) == len(pool.gauges) == 5


async def test_a_slot_that_becomes_free_is_taken_by_what_waits() -> None:
    """All requests end, one after the other on a single slot."""
    pool = SimulatedPool("ko-8b", slots=1, seconds=0.01, news=lambda: None)
    pool.replicas(ready=1, loading=0)
    await pool.arrive([0.0, 0.0, 0.001])
    async with asyncio.timeout(5):
        while pool.load.running or pool.load.queued:
            await asyncio.sleep(0.005)
    assert max(gauge.running for gauge in pool.gauges) == 1


def _channel(stand_in: StandIn) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{stand_in.port}", options=[("grpc.enable_http_proxy", 0)])
