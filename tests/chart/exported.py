"""What each server exports: its own measuring code, through the real Prometheus exporter that renames everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import grpc
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

import soban.v1 as pb
from soban.gateway.accounting import Accounts
from soban.gateway.callers import Callers
from soban.gateway.metering import Meter as ChatMeter
from soban.gateway.pseudonyms import Pseudonyms
from soban.generation.engine import Usage
from soban.generation.instruments import LoadGauges, Spending
from soban.generation.measure import Meter as AnswerMeter
from soban.generation.tenants import TenantNames
from soban.runtime import semconv
from soban.runtime.context import new_call
from soban.runtime.errors import ModelNotFound
from soban.runtime.recording import Recorder
from soban.runtime.telemetry import Telemetry
from soban.safety.decisions import Action, Direction
from soban.safety.filter import Finding
from soban.safety.metrics import Metrics
from soban.scaler.gauges import Gauges
from soban.scaler.pods import Pods

Series = dict[str, set[str]]
"""Names as in PromQL, with the labels of each."""

_ALL_KNOWN = pb.ModelLoad(
    model="ko",
    ready_replicas=1,
    loading_replicas=0,
    running=3,
    slots=32,
    queued=0,
    held=0,
    tokens_in_flight=512,
    prefill_backlog_seconds=0.5,
    kv_cache_use=0.25,
    knee=16.0,
    staleness_seconds=1.0,
    output_tokens_per_second=40.0,
)


def exported() -> dict[str, Series]:
    """Series by service."""
    measuring: dict[str, Callable[[Telemetry], None]] = {
        "gateway": _gateway,
        "tokenization": _nothing,
        "safety": _safety,
        "generation": _generation,
        "scaler": _scaler,
    }
    return {service: asyncio.run(_scraped(measure)) for service, measure in measuring.items()}


async def _scraped(measure: Callable[[Telemetry], None]) -> Series:
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    reader = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=registry)
    telemetry = Telemetry.of(MeterProvider([reader]), None)
    recorder = Recorder(telemetry)
    recorder.begin("soban.v1.ChatService/Chat", {}, None).end(grpc.StatusCode.OK)
    recorder.begin("soban.v1.ChatService/Chat", {}, None).end(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
    measure(telemetry)
    series: Series = {}
    for metric in registry.collect():
        for sample in metric.samples:
            series.setdefault(sample.name, set()).update(sample.labels)
    return series


def _scaler(telemetry: Telemetry) -> None:
    pods = Pods(15.0)
    pods.found({"10.0.0.7"})
    pods.heard("10.0.0.7", [_ALL_KNOWN])
    Gauges(telemetry, pods)


def _nothing(telemetry: Telemetry) -> None:
    """Measures its calls alone, as every server does."""


def _calls_others(telemetry: Telemetry) -> None:
    # What `MeasuredChannel` writes when a call is done.
    attributes = (semconv.RPC_SYSTEM_NAME, semconv.RPC_METHOD, semconv.RPC_STATUS_CODE, semconv.ERROR_TYPE)
    telemetry.histogram(semconv.RPC_CLIENT_CALL_DURATION).record(0.1, dict.fromkeys(attributes, "x"))


def _gateway(telemetry: Telemetry) -> None:
    _calls_others(telemetry)
    pseudonyms = Pseudonyms("salt")
    meter = ChatMeter(telemetry, Accounts((), Callers("", pseudonyms), pseudonyms))
    with suppress(ModelNotFound), meter.measure(pb.ChatRequest(), new_call({}, None)) as watch:
        watch.model = "ko"
        watch.counts(lambda: pb.GenerationSummary(usage=pb.Usage(input_tokens=3, output_tokens=5)))
        watch.leaves(pb.StreamChatResponse(delta=pb.ChatDelta(text="안녕하세요")))
        raise ModelNotFound("no model of this name is served here")


def _safety(telemetry: Telemetry) -> None:
    metrics = Metrics(telemetry)
    with metrics.check():
        pass
    metrics.stream_ended(0.001)
    metrics.found([Finding("PII", "phone", 0, 13, Action.MASK, 1.0, 1, "text", "[전화번호]", ())], Direction.INPUT)


def _generation(telemetry: Telemetry) -> None:
    LoadGauges(telemetry, lambda: [_ALL_KNOWN]).start()
    usage = Usage(input_tokens=9, output_tokens=5, cached_input_tokens=4)
    cost = pb.Cost(krw_micros=1, usd_micros=1)
    Spending(telemetry, TenantNames(1)).add("ko", "", usage, 0.5, cost)
    meter = AnswerMeter(telemetry).measure(pb.GenerateRequest(model="ko"), "llamacpp")
    with suppress(ModelNotFound), meter as record:
        record.usage = usage
        record.admitted()
        record.output()
        raise ModelNotFound("no model of this name is served here")
