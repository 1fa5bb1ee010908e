"""What KEDA is answered: sums over all pods, and errors rather than zeros."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from integration.scaler.conftest import StartOperator, StartScaler
from integration.scaler.fake_generation import Generation
from integration.scaler.keda_operator import Operator
from soban.scaler import keda
from unit.scaler.loads import load


def reason_of(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return str(info.reason)


async def test_numbers_are_sums_over_all_pods(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """As soon as the scaler is ready, and the same from each of two."""
    await generation.pod(load(running=3, queued=1, prefill_backlog_seconds=0.4, kv_cache_use=0.6))
    await generation.pod(load(running=2, held=2, prefill_backlog_seconds=0.3, kv_cache_use=0.7))
    operator = await start_operator(await start_scaler(), await start_scaler())
    assert await operator.targets() == {"sequences": 6, "backlog-seconds": 1.5, "kv-cache": 0.8}
    for _ in range(4):
        assert await operator.metric_and_activity("sequences") == (8, True)
        assert await operator.metric_and_activity("backlog-seconds") == (pytest.approx(0.7), True)
        assert await operator.metric_and_activity("kv-cache") == (pytest.approx(0.7), True)


async def test_whole_numbers_are_rounded_up(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """Clients that read only those see no idle pool while there is a backlog."""
    await generation.pod(load(running=1, prefill_backlog_seconds=0.4))
    operator = await start_operator(await start_scaler())
    request = keda.GetMetricsRequest(scaledObjectRef=operator.reference, metricName="backlog-seconds")
    (told,) = (await operator.stub.GetMetrics(request)).metricValues
    assert (told.metricValue, told.metricValueFloat) == (1, 0.4)
    specs = (await operator.stub.GetMetricSpec(operator.reference)).metricSpecs
    assert [(spec.targetSize, spec.targetSizeFloat) for spec in specs] == [(6, 6.0), (2, 1.5), (1, 0.8)]


async def test_an_idle_model_is_zero_and_not_active(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """A pool at zero, too: no cache is full where there is none."""
    await generation.pod(load(ready_replicas=0, slots=0, kv_cache_use=None))
    operator = await start_operator(await start_scaler())
    for metric in ("sequences", "backlog-seconds", "kv-cache"):
        assert await operator.metric_and_activity(metric) == (0, False)


async def test_without_generation_targets_are_answered_and_numbers_are_unknown(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """The server is ready all the same, and a pod that comes later is found."""
    pod = await generation.pod(load(running=1))
    generation.leaves(pod)
    operator = await start_operator(await start_scaler())
    assert await operator.targets()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await operator.metric_and_activity("sequences")
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.UNAVAILABLE, "LOAD_UNKNOWN")
    generation.known.append(pod.address)
    await eventually(operator, (1, True))


async def test_a_pod_that_hangs_counts_until_its_numbers_are_stale(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """Then both calls are errors until it tells again."""
    await generation.pod(load(running=1))
    hanging = await generation.pod(load(running=2))
    operator = await start_operator(await start_scaler())
    hanging.hangs = True
    hanging.tell(load(running=9))
    assert await operator.metric_and_activity("sequences") == (3, True)
    await asyncio.sleep(6.0)
    for call in (operator.metric_and_activity("sequences"), operator.stub.IsActive(operator.reference)):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert reason_of(caught.value) == "LOAD_UNKNOWN"
    hanging.hangs = False
    await eventually(operator, (10, True))


async def test_a_pod_that_dies_and_leaves_discovery_counts_no_longer(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """One that is killed and comes back tells its new numbers."""
    await generation.pod(load(running=1))
    dying, coming_back = await generation.pod(load(running=2)), await generation.pod(load(running=4))
    operator = await start_operator(await start_scaler())
    await asyncio.gather(dying.kill(), coming_back.kill())
    assert await operator.metric_and_activity("sequences") == (7, True)
    coming_back.tell(load())
    await coming_back.start(generation.port)
    generation.leaves(dying)
    await eventually(operator, (1, True))


async def test_a_name_server_that_fails_changes_nothing(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator
) -> None:
    """The pods are there all the same."""
    pod = await generation.pod(load(running=1))
    operator = await start_operator(await start_scaler())
    generation.failure = OSError("no network")
    await asyncio.sleep(2.5)
    pod.tell(load(running=5))
    await eventually(operator, (5, True))


class Mistake(NamedTuple):
    """In the metadata or in the name of the metric, and how it is answered."""

    metadata: dict[str, str]
    metric: str
    code: grpc.StatusCode
    reason: str
    part: str


@pytest.mark.parametrize(
    "mistake",
    [
        Mistake({"model": "k0"}, "sequences", grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", "'ko'"),
        Mistake({"modle": "ko"}, "sequences", grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", "'model'"),
        Mistake({}, "sequence", grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", "'sequences'"),
    ],
)
async def test_mistakes_of_a_trigger_are_named(
    generation: Generation, start_scaler: StartScaler, start_operator: StartOperator, mistake: Mistake
) -> None:
    """In a sentence that KEDA logs."""
    await generation.pod(load())
    operator = await start_operator(await start_scaler(), **mistake.metadata)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await operator.metric_and_activity(mistake.metric)
    assert (caught.value.code(), reason_of(caught.value)) == (mistake.code, mistake.reason)
    assert f"the nearest known one is {mistake.part}" in str(caught.value.details())


async def eventually(operator: Operator, expected: tuple[float, bool], seconds: float = 8.0) -> None:
    """Asked again and again, it is answered so."""
    answer: object = None
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        try:
            answer = await operator.metric_and_activity("sequences")
        except grpc.aio.AioRpcError as err:
            answer = err.code()
        if answer == expected:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"still {answer}")
