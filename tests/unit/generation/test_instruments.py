"""Load, tokens, engine time and cost as metrics."""

from __future__ import annotations

import asyncio
import socket
import urllib.request
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import soban.v1 as pb
from soban.generation.engine import Usage
from soban.generation.instruments import LoadGauges, Spending
from soban.generation.tenants import TenantNames
from soban.runtime.settings import ServerSettings
from soban.runtime.telemetry import Telemetry


def points(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, Any], float]]]:
    """Attributes and value of every series by the name of its metric."""
    data = reader.get_metrics_data()
    found = [] if data is None else data.resource_metrics[0].scope_metrics[0].metrics
    return {
        metric.name: [(dict(point.attributes or {}), point.value) for point in metric.data.data_points]  # type: ignore[union-attr]
        for metric in found
        if metric.data.data_points
    }


class Watched:
    def __init__(self, *loads: pb.ModelLoad) -> None:
        self.loads: Sequence[pb.ModelLoad] = loads
        self.reader = InMemoryMetricReader()
        self.gauges = LoadGauges(Telemetry.of(MeterProvider([self.reader]), None), lambda: self.loads)


async def test_every_number_that_is_known_is_a_gauge() -> None:
    load = pb.ModelLoad(model="ko")
    numbers = [name for name in pb.ModelLoad.DESCRIPTOR.fields_by_name if name != "model"]
    for value, name in enumerate(numbers):
        setattr(load, name, value)
    watched = Watched(load)
    watched.gauges.start()
    told = points(watched.reader)
    assert {name for name in told if not name.startswith("soban.generation.")} == set()
    assert sorted(value for series in told.values() for _, value in series) == list(range(len(numbers)))
    states = {attributes.get("soban.replica.state") for attributes, _ in told["soban.generation.replicas"]}
    assert states == {"ready", "loading"}


async def test_an_unknown_number_is_not_exported_and_does_not_freeze() -> None:
    watched = Watched(pb.ModelLoad(model="ko", kv_cache_use=0.9, queued=0))
    watched.gauges.start()
    assert points(watched.reader)["soban.generation.kv_cache_use"] == [({"gen_ai.request.model": "ko"}, 0.9)]
    watched.loads = [pb.ModelLoad(model="ko", queued=2)]
    told = points(watched.reader)
    assert "soban.generation.kv_cache_use" not in told
    assert told["soban.generation.queued"] == [({"gen_ai.request.model": "ko"}, 2)]


async def test_nothing_is_told_before_the_start_and_after_the_end() -> None:
    watched = Watched(pb.ModelLoad(model="ko", queued=1))
    assert points(watched.reader) == {}
    watched.gauges.start()
    assert points(watched.reader) != {}
    watched.gauges.stop()
    assert points(watched.reader) == {}


async def test_prometheus_reads_from_its_own_thread_and_load_from_the_loop() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    telemetry = Telemetry.create("generation", ServerSettings(metrics_port=port))
    loop, loops = asyncio.get_running_loop(), []

    def read() -> list[pb.ModelLoad]:
        loops.append(asyncio.get_running_loop())
        return [pb.ModelLoad(model="ko", queued=3, prefill_backlog_seconds=1.5, kv_cache_use=1.5, ready_replicas=2)]

    gauges = LoadGauges(telemetry, read)
    Spending(telemetry, TenantNames(5)).add("ko", "", Usage(7, 5), 0.5, pb.Cost(krw_micros=2_500_000))
    gauges.start()
    try:
        page = await asyncio.to_thread(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read())
    finally:
        await telemetry.shutdown()
    shown = page.decode()
    assert set(loops) == {loop}
    assert 'soban_generation_queued{gen_ai_request_model="ko"} 3.0' in shown
    assert 'soban_generation_prefill_backlog_seconds{gen_ai_request_model="ko"} 1.5' in shown
    assert 'soban_generation_kv_cache_use{gen_ai_request_model="ko"} 1.5' in shown
    assert 'soban_generation_replicas{gen_ai_request_model="ko",soban_replica_state="ready"} 2.0' in shown
    assert "soban_generation_knee" not in shown
    tokens = (
        'soban_generation_tokens_total{gen_ai_request_model="ko",gen_ai_token_type="output",soban_tenant="default"}'
    )
    assert f"{tokens} 5.0" in shown
    assert 'soban_generation_engine_time_seconds_total{gen_ai_request_model="ko",soban_tenant="default"} 0.5' in shown
    assert 'soban_currency="KRW",soban_tenant="default"} 2.5' in shown


def spent(*calls: tuple[str, str, Usage, float, pb.Cost | None]) -> dict[str, list[tuple[dict[str, Any], float]]]:
    reader = InMemoryMetricReader()
    spending = Spending(Telemetry.of(MeterProvider([reader]), None), TenantNames(5, ("support",)))
    for call in calls:
        spending.add(*call)
    return points(reader)


def test_tokens_count_once_by_type() -> None:
    usage = Usage(input_tokens=100, cached_input_tokens=40, output_tokens=7)
    told = spent(("ko", "support", usage, 0.0, None), ("ko", "support", usage, 0.0, None))
    assert {point[0]["gen_ai.token.type"]: point[1] for point in told["soban.generation.tokens"]} == {
        "input": 120,
        "cached_input": 80,
        "output": 14,
    }
    assert set(told) == {"soban.generation.tokens"}


def test_cost_is_told_in_the_currencies_that_there_are() -> None:
    cost = pb.Cost(krw_micros=1_400_000, usd_micros=1_000, engine_seconds=2.0)
    told = spent(("ko", "support", Usage(), 2.0, cost), ("ko", "", Usage(), 1.0, pb.Cost(krw_micros=10_000_000)))
    series = {(p[0]["soban.tenant"], p[0]["soban.currency"]): p[1] for p in told["soban.generation.cost"]}
    assert series == {("support", "KRW"): 1.4, ("support", "USD"): 0.001, ("default", "KRW"): 10.0}
    assert {p[0]["soban.tenant"]: p[1] for p in told["soban.generation.engine.time"]} == {
        "support": 2.0,
        "default": 1.0,
    }


def test_a_tenant_has_a_name_once_it_came_often() -> None:
    names = TenantNames(2)
    assert [names.name("상담") for _ in range(20)] == ["other"] * 20
    assert {names.name("teamA") for _ in range(9)} == {"other"}
    assert names.name("teamA") == "teamA"
    assert names.name("") == "default"


def test_no_more_tenants_than_allowed_have_names() -> None:
    names = TenantNames(2, known=("support",))
    told = {names.name(f"t{number}") for number in range(50) for _ in range(20)}
    assert told == {"t0", "t1", "other"}
    assert names.name("support") == "support"


def test_text_of_users_is_no_name() -> None:
    names = TenantNames(10)
    for text in ("제 번호는 010-1234-5678", "010-1234-5678", "a b", "x" * 65, "-rf", 'a"b', "a\nb"):
        assert {names.name(text) for _ in range(20)} == {"other"}


def test_a_flood_of_made_up_tenants_is_forgotten() -> None:
    names = TenantNames(10)
    for number in range(50_000):
        assert names.name(f"t{number}") == "other"
    assert [names.name("real") for _ in range(10)][-1] == "real"


def test_a_server_without_metrics_needs_no_gauges() -> None:
    gauges = LoadGauges(Telemetry.noop(), lambda: [pb.ModelLoad(model="ko")])
    gauges.stop()
    Spending(Telemetry.noop(), TenantNames(1)).add("ko", "t", Usage(1, 1), 1.0, pb.Cost(krw_micros=1))
