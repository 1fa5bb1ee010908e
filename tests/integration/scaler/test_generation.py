"""The scaler over real generation servers, whose replica is not there yet."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

import soban.v1 as pb
from integration.scaler.conftest import METADATA
from integration.scaler.keda_operator import Operator
from soban.generation.component import Generation
from soban.generation.settings import GenerationSettings
from soban.runtime.channels import open_channel
from soban.runtime.config import make_config
from soban.runtime.server import RunningServer, running
from soban.runtime.telemetry import Telemetry
from soban.scaler.component import Scaler
from soban.scaler.settings import ScalerSettings

NOWHERE = {"models": {"ko": {"url": "hf://somebody/ko", "address": "http://127.0.0.1:1"}}}


@pytest.fixture
async def generation() -> AsyncIterator[RunningServer]:
    settings = GenerationSettings(port=0, metrics_port=0)
    async with running(Generation(make_config(NOWHERE), settings, Telemetry.noop()), settings) as server:
        yield server


async def test_a_request_that_is_held_wakes_the_pool(generation: RunningServer) -> None:
    """It is pushed, counted while it waits, and counted no longer when its caller has left."""
    settings = ScalerSettings(port=0, metrics_port=0, generation=generation.target)
    async with contextlib.AsyncExitStack() as stack:
        scaler = await stack.enter_async_context(running(Scaler(settings, Telemetry.noop()), settings))
        operator = await stack.enter_async_context(Operator(scaler.target, METADATA))
        channel = await stack.enter_async_context(open_channel(generation.target))
        operator.push()
        assert await operator.until_pushed(1) == [False]
        assert await operator.metric_and_activity("kv-cache") == (0, False)
        asked = pb.GenerateRequest(model="ko", prompt="오늘 저녁은 무엇을 먹을까요?")
        call = pb.GenerationServiceStub(channel).StreamGenerate(pb.StreamGenerateRequest(generate=asked))
        began = time.monotonic()
        assert await operator.until_pushed(2) == [False, True]
        assert time.monotonic() - began < 5
        assert await operator.metric_and_activity("sequences") == (1, True)
        call.cancel()
        assert await operator.until_pushed(3) == [False, True, False]
        assert await operator.metric_and_activity("sequences") == (0, False)


async def test_the_longest_stream_of_generation_ends_unnoticed(caplog: pytest.LogCaptureFixture) -> None:
    """Generation ends every call at its limit; the numbers go on over the next one, and no log has a loss."""
    limited = GenerationSettings(port=0, metrics_port=0, longest_stream_seconds=0.5)
    async with contextlib.AsyncExitStack() as stack:
        component = Generation(make_config(NOWHERE), limited, Telemetry.noop())
        generation = await stack.enter_async_context(running(component, limited))
        settings = ScalerSettings(port=0, metrics_port=0, generation=generation.target)
        scaler = Scaler(settings, Telemetry.noop())
        operator = await stack.enter_async_context(
            Operator((await stack.enter_async_context(running(scaler, settings))).target, METADATA)
        )
        for _ in range(20):
            assert await operator.metric_and_activity("sequences") == (0, False)
            assert scaler.pods.complete
            await asyncio.sleep(0.1)
        assert scaler.pods.staleness is not None
        assert scaler.pods.staleness < 1.5
    assert "generation pod lost" not in caplog.text
