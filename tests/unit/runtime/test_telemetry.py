"""Where measurements go."""

from __future__ import annotations

import socket
import time
import urllib.request

import pytest

from soban.runtime import semconv
from soban.runtime.settings import ServerSettings, TelemetrySettings
from soban.runtime.telemetry import MetricsPortError, Telemetry


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_prometheus_reads_the_exported_names() -> None:
    """Queries are written against these: dots are underscores, units are appended."""
    port = free_port()
    telemetry = Telemetry.create("safety", ServerSettings(metrics_port=port))
    try:
        telemetry.histogram(semconv.RPC_SERVER_CALL_DURATION).record(0.02, {"rpc.method": "a/B"})
        telemetry.histogram(semconv.GEN_AI_SERVER_TIME_TO_FIRST_TOKEN).record(0.02)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
            shown = page.read().decode()
    finally:
        await telemetry.shutdown()
    assert 'rpc_server_call_duration_seconds_bucket{le="0.025",rpc_method="a/B"} 1.0' in shown
    assert 'gen_ai_server_time_to_first_token_seconds_bucket{le="0.02"} 1.0' in shown
    assert "process_cpu_seconds_total" in shown


async def test_two_processes_worth_of_telemetry_do_not_meet() -> None:
    """No global registry."""
    for _ in range(2):
        telemetry = Telemetry.create("safety", ServerSettings(metrics_port=free_port()))
        telemetry.histogram(semconv.RPC_SERVER_CALL_DURATION).record(1)
        await telemetry.shutdown()


def test_a_taken_metrics_port_is_named_with_its_setting() -> None:
    """One line that says what to change."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MetricsPortError, match=rf"127.0.0.1:{port}.*metricsPort"):
            Telemetry.create("safety", ServerSettings(metrics_port=port))


async def test_a_dead_collector_does_not_hold_up_the_end() -> None:
    """Flushing is bounded; the bound here is far below the exporter's own patience."""
    dead = TelemetrySettings(otlp_endpoint=f"http://127.0.0.1:{free_port()}")
    telemetry = Telemetry.create("safety", ServerSettings(metrics_port=0, telemetry=dead))
    telemetry.tracer.start_span("x").end()
    began = time.monotonic()
    await telemetry.shutdown(timeout=0.3)
    assert time.monotonic() - began < 5


async def test_noop_measures_nothing() -> None:
    """And can be shut down."""
    telemetry = Telemetry.noop()
    telemetry.histogram(semconv.RPC_CLIENT_CALL_DURATION).record(1)
    assert not telemetry.traced
    assert not telemetry.measured
    await telemetry.shutdown()


def test_buckets_are_those_of_the_conventions() -> None:
    """First and last bound of each list."""
    specs = [spec for spec in vars(semconv).values() if isinstance(spec, semconv.Histogram)]
    bounds = {spec.name: (spec.buckets[0], spec.buckets[-1]) for spec in specs}
    assert bounds["gen_ai.client.token.usage"] == (1, 67_108_864)
    assert bounds["gen_ai.server.request.duration"] == (0.01, 81.92)
    assert bounds["gen_ai.server.time_to_first_token"] == (0.001, 10)
    assert bounds["rpc.server.call.duration"] == (0.005, 10)
