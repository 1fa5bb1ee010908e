"""KEDA's side as v2.20.2 plays it: pkg/scalers/external_scaler.go and pkg/scaling/scale_handler.go."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field

import grpc

from soban.scaler import keda

_CONFIG = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})


@dataclass
class Operator:
    """Of one trigger. `seconds` is how long KEDA's second lasts, in seconds of ours."""

    target: str
    metadata: dict[str, str]
    seconds: float = 1.0
    pushed: list[bool] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """Between one stream and the next, in KEDA's seconds."""

    def __post_init__(self) -> None:
        self.channel = grpc.aio.insecure_channel(self.target, options=[("grpc.service_config", _CONFIG)])
        self.stub = keda.ExternalScalerStub(self.channel)
        self.reference = keda.ScaledObjectRef(name="ko", namespace="ai", scalerMetadata=self.metadata)
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Operator:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.channel.close()

    async def targets(self) -> dict[str, float]:
        """GetMetricSpecForScaling: the float unless it is 0."""
        specs = (await self.stub.GetMetricSpec(self.reference, timeout=5)).metricSpecs
        return {spec.metricName: spec.targetSizeFloat or float(spec.targetSize) for spec in specs}

    async def metric_and_activity(self, metric: str) -> tuple[float, bool]:
        """GetMetricsAndActivity: two calls, each to whatever scaler is next. Either error fails both."""
        request = keda.GetMetricsRequest(scaledObjectRef=self.reference, metricName=metric)
        (told,) = (await self.stub.GetMetrics(request, timeout=5)).metricValues
        active = await self.stub.IsActive(self.reference, timeout=5)
        return (told.metricValueFloat if told.metricValueFloat > 0 else float(told.metricValue)), active.result

    def push(self) -> None:
        """Run: streams one after the other, with its pauses."""
        self._task = asyncio.create_task(self._run())

    async def until_pushed(self, count: int, seconds: float = 10.0) -> list[bool]:
        """What was pushed, once it is so much."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: len(self.pushed) >= count)
        return list(self.pushed)

    async def _run(self) -> None:
        retry = 2.0
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await self._stream()
                retry = 2.0
            self.waits.append(retry)
            await asyncio.sleep(retry * self.seconds)
            retry = min(60.0, retry * 2)

    async def _stream(self) -> None:
        async for answer in self.stub.StreamIsActive(self.reference):
            async with self._news:
                self.pushed.append(answer.result)
                self._news.notify_all()
