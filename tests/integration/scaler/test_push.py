"""Streams to KEDA: work is pushed as it begins, and streams end so that KEDA soon opens the next."""

from __future__ import annotations

import asyncio
import time

import pytest

from integration.scaler.conftest import StartOperator, StartScaler
from integration.scaler.fake_generation import Generation
from soban.runtime.channels import open_channel
from soban.scaler import keda
from unit.scaler.loads import load

SLEEPING = {"ready_replicas": 0, "slots": 0, "kv_cache_use": None}


async def test_a_held_request_is_pushed(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """At once, of whichever pod, and so is the end of all work."""
    await generation.pod(load(**SLEEPING))
    pod = await generation.pod(load(**SLEEPING))
    operator = await start_operator(await start_scaler())
    operator.push()
    assert await operator.until_pushed(1) == [False]
    pod.tell(load(**SLEEPING, held=1))
    assert await operator.until_pushed(2, seconds=2.0) == [False, True]
    pod.tell(load(**SLEEPING))
    assert await operator.until_pushed(3, seconds=2.0) == [False, True, False]


async def test_work_is_pushed_while_another_pod_is_unknown(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """The sum is not known, and yet the pool must wake."""
    pod = await generation.pod(load(**SLEEPING))
    await generation.pod()
    (dead := generation.pods[1]).hangs = True
    operator = await start_operator(await start_scaler())
    operator.push()
    pod.tell(load(**SLEEPING, held=1))
    assert await operator.until_pushed(1, seconds=5.0) == [True]
    assert dead.watchers == 1


async def test_what_is_known_is_pushed_again(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """After five seconds: KEDA may not have been able to use the first."""
    await generation.pod(load(held=1))
    operator = await start_operator(await start_scaler())
    operator.push()
    began = time.monotonic()
    assert await operator.until_pushed(2) == [True, True]
    assert time.monotonic() - began > 4


async def test_a_model_that_comes_later_is_pushed_over_the_same_stream(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """An error instead would be followed by pauses of up to a minute."""
    pod = await generation.pod(load("ko-8b"))
    operator = await start_operator(await start_scaler())
    operator.push()
    await asyncio.sleep(0.3)
    pod.tell(load("ko-8b"), load("ko", held=1))
    assert await operator.until_pushed(1, seconds=2.0) == [True]
    assert operator.waits == []


async def test_a_scaler_that_stops_ends_its_streams_well_and_another_goes_on(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """KEDA waits its shortest time, and hears of what began meanwhile."""
    pod = await generation.pod(load(**SLEEPING))
    scalers = [await start_scaler(), await start_scaler()]
    operator = await start_operator(*scalers, seconds=0.1)
    operator.push()
    await operator.until_pushed(1)
    busy = [scaler for scaler in scalers if scaler.in_flight]
    assert len(busy) == 1
    await busy[0].stop(grace=30.0)
    pod.tell(load(**SLEEPING, held=1))
    assert await operator.until_pushed(2, seconds=5.0) == [False, True]
    assert operator.waits == [2.0]


async def test_targets_are_pushed_once_and_the_stream_stays(generation: Generation, start_scaler: StartScaler) -> None:
    """As KEDA v2.21 asks for them."""
    await generation.pod(load())
    scaler = await start_scaler()
    async with open_channel(scaler.target) as channel:
        stub = keda.ExternalScalerStub(channel)
        reference = keda.ScaledObjectRef(scalerMetadata={"model": "ko", "sequences": "6"})
        call = stub.StreamMetricSpec(reference)
        assert await call.read() == await stub.GetMetricSpec(reference)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call.read(), 0.3)


async def test_every_pod_has_one_stream_for_all_watchers(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """And none when the scaler has stopped."""
    pods = [await generation.pod(load()) for _ in range(3)]
    scaler = await start_scaler()
    for _ in range(5):
        (await start_operator(scaler)).push()
    await asyncio.sleep(0.3)
    assert [pod.watchers for pod in pods] == [1, 1, 1]
    await scaler.close()
    async with asyncio.timeout(5):
        while any(pod.watchers for pod in pods):
            await asyncio.sleep(0.01)
