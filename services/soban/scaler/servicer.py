"""`externalscaler.ExternalScaler`: proto in, plain call, proto out."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc

from soban.runtime.errors import InvalidField
from soban.runtime.nearest import hint
from soban.scaler import keda
from soban.scaler.activity import Activity
from soban.scaler.pods import Pods
from soban.scaler.totals import Metric
from soban.scaler.trigger import Trigger, read_trigger

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ScalerServicer(keda.ExternalScalerServicer):
    """KEDA asks for metrics and activity one after the other, maybe each of another scaler (v2.20.2,
    pkg/scalers/external_scaler.go): all answers are sums over all pods, and an unknown one is an error in both."""

    def __init__(self, pods: Pods, activity: Activity) -> None:
        self._pods = pods
        self._activity = activity

    async def IsActive(self, request: keda.ScaledObjectRef, _: _Context) -> keda.IsActiveResponse:
        """Whether any sequence runs, is queued or held."""
        trigger = _trigger(request)
        return keda.IsActiveResponse(result=self._pods.total(trigger.model, Metric.SEQUENCES) > 0)

    async def StreamIsActive(
        self, request: keda.ScaledObjectRef, _: _Context
    ) -> AsyncGenerator[keda.IsActiveResponse, None]:
        """As `Activity.watch`."""
        trigger = _trigger(request)
        async with aclosing(self._activity.watch(trigger.model)) as changes:
            async for active in changes:
                yield keda.IsActiveResponse(result=active)

    async def GetMetricSpec(self, request: keda.ScaledObjectRef, _: _Context) -> keda.GetMetricSpecResponse:
        """The targets of the metadata, whether generation answers or not: without them KEDA makes an empty HPA."""
        return _specs(_trigger(request))

    async def StreamMetricSpec(
        self, request: keda.ScaledObjectRef, _: _Context
    ) -> AsyncGenerator[keda.GetMetricSpecResponse, None]:
        """The targets once: they change only with the metadata, for which KEDA asks anew."""
        yield _specs(_trigger(request))
        await self._activity.until_end()

    async def GetMetrics(self, request: keda.GetMetricsRequest, _: _Context) -> keda.GetMetricsResponse:
        """The sum, not divided by anything."""
        trigger = read_trigger(request.scaledObjectRef.scalerMetadata, "scaledObjectRef.scalerMetadata")
        value = self._pods.total(trigger.model, _metric(request.metricName))
        metric = keda.MetricValue(metricName=request.metricName, metricValue=math.ceil(value), metricValueFloat=value)
        return keda.GetMetricsResponse(metricValues=[metric])


def _trigger(reference: keda.ScaledObjectRef) -> Trigger:
    return read_trigger(reference.scalerMetadata, "scalerMetadata")


def _metric(name: str) -> Metric:
    known = {metric.value: metric for metric in Metric}
    if name not in known:
        raise InvalidField(f"no metric is named {name!r}{hint(name, known)}", field="metricName")
    return known[name]


def _specs(trigger: Trigger) -> keda.GetMetricSpecResponse:
    """Whole numbers, which only old clients read, are rounded up: a target is never 0, and no work is no 0 either."""
    specs = [
        keda.MetricSpec(metricName=metric.value, targetSize=math.ceil(target), targetSizeFloat=target)
        for metric, target in trigger.targets.items()
    ]
    return keda.GetMetricSpecResponse(metricSpecs=specs)
