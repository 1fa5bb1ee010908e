"""Fixtures: generation pods, scalers that watch them, and KEDA that asks those."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from integration.scaler.fake_generation import Generation
from integration.scaler.keda_operator import Operator
from soban.runtime.server import RunningServer, running
from soban.runtime.telemetry import Telemetry
from soban.scaler.component import Scaler
from soban.scaler.settings import ScalerSettings

METADATA = {"model": "ko", "sequences": "6", "backlogSeconds": "1.5", "kvCache": "0.8", "scalerAddress": "scaler:50064"}

StartScaler = Callable[[], Awaitable[RunningServer]]
StartOperator = Callable[..., Awaitable[Operator]]


@pytest.fixture
async def generation() -> AsyncIterator[Generation]:
    generation = Generation()
    yield generation
    await generation.stop()


@pytest.fixture
async def start_scaler(generation: Generation) -> AsyncIterator[StartScaler]:
    """Starts a scaler of the pods that are there."""
    async with contextlib.AsyncExitStack() as stack:

        async def start() -> RunningServer:
            name = f"dns:///generation.test:{generation.port or 1}"
            settings = ScalerSettings(port=0, metrics_port=0, generation=name, stale_seconds=5.5)
            scaler = Scaler(settings, Telemetry.noop(), generation.resolve)
            return await stack.enter_async_context(running(scaler, settings))

        yield start


@pytest.fixture
async def start_operator() -> AsyncIterator[StartOperator]:
    """Starts a KEDA that knows these scalers."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*scalers: RunningServer, seconds: float = 1.0, **metadata: str) -> Operator:
            target = f"ipv4:{','.join(scaler.target for scaler in scalers)}"
            return await stack.enter_async_context(Operator(target, {**METADATA, **metadata}, seconds))

        yield start
