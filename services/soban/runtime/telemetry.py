"""Traces and metrics of one process. Nothing global: what measures receives a `Telemetry`."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from wsgiref.simple_server import WSGIServer

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from soban.runtime.semconv import Histogram, Instrument
from soban.runtime.settings import ServerSettings

_logger = logging.getLogger(__name__)
_SCOPE = "soban"


class MetricsPortError(Exception):
    """The Prometheus endpoint could not be opened."""


@dataclass(frozen=True)
class Telemetry:
    """`tracer` and `meter` for everything in the process; `traced` says whether spans go anywhere."""

    tracer: trace.Tracer
    meter: metrics.Meter
    traced: bool = False
    measured: bool = False
    _closers: tuple[Callable[[], object], ...] = field(default=(), repr=False)

    @classmethod
    def create(cls, service_name: str, settings: ServerSettings) -> Telemetry:
        """OTLP exporters when an endpoint is set, a Prometheus page when a port is. Raises MetricsPortError."""
        resource = Resource.create({"service.name": f"soban-{service_name}", "service.namespace": "soban"})
        endpoint, port = settings.telemetry.otlp_endpoint, settings.prometheus_port
        readers: list[MetricReader] = []
        closers: list[Callable[[], object]] = []
        if port is not None:
            reader, close = _prometheus(settings.host, port)
            readers.append(reader)
            closers.append(close)
        if endpoint:
            readers.append(_otlp_metrics(endpoint))
        tracers = _otlp_traces(resource, endpoint) if endpoint else None
        return cls.of(MeterProvider(readers, resource) if readers else None, tracers, tuple(closers))

    @classmethod
    def of(
        cls,
        meters: MeterProvider | None,
        tracers: TracerProvider | None,
        closers: tuple[Callable[[], object], ...] = (),
    ) -> Telemetry:
        """From providers, for example in-memory ones in tests; None switches that side off."""
        meter: metrics.Meter = (meters or metrics.NoOpMeterProvider()).get_meter(_SCOPE)
        tracer: trace.Tracer = (tracers or trace.NoOpTracerProvider()).get_tracer(_SCOPE)
        shutdowns = tuple(provider.shutdown for provider in (meters, tracers) if provider is not None)
        return cls(tracer, meter, tracers is not None, meters is not None, (*shutdowns, *closers))

    @classmethod
    def noop(cls) -> Telemetry:
        """Measures nothing."""
        return cls.of(None, None)

    def histogram(self, spec: Histogram) -> metrics.Histogram:
        """An instrument with the convention's unit and buckets."""
        return self.meter.create_histogram(
            spec.name, spec.unit, spec.description, explicit_bucket_boundaries_advisory=spec.buckets
        )

    def counter(self, spec: Instrument) -> metrics.Counter:
        """A sum that only grows."""
        return self.meter.create_counter(spec.name, spec.unit, spec.description)

    def gauge(self, spec: Instrument, observe: Callable[[], Iterable[metrics.Observation]]) -> None:
        """A number that `observe` tells when it is read, on an exporter's thread; what it leaves out is not there."""
        self.meter.create_observable_gauge(spec.name, [lambda _: observe()], spec.unit, spec.description)

    async def shutdown(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 - the bound is the point
        """Sends what is left and closes, for at most `timeout` seconds; a dead collector cannot hold up the exit."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def close() -> None:
            for closer in self._closers:
                _quietly(closer)
            loop.call_soon_threadsafe(done.set)

        # A daemon thread, because the default executor is joined at exit however long it takes.
        threading.Thread(target=_ignoring_closed_loop(close), name="telemetry-shutdown", daemon=True).start()
        try:
            await asyncio.wait_for(done.wait(), timeout)
        except TimeoutError:
            _logger.warning("telemetry not flushed in time", extra={"seconds": timeout})


def _quietly(closer: Callable[[], object]) -> None:
    try:
        closer()
    except Exception:  # exporters fail in many ways and none may hold up the exit
        _logger.warning("telemetry did not close cleanly", exc_info=True)


def _ignoring_closed_loop(close: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            close()
        except RuntimeError:
            _logger.debug("event loop ended before telemetry did")

    return run


def _prometheus(host: str, port: int) -> tuple[MetricReader, Callable[[], object]]:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server

    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    reader = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=registry)
    try:
        server, _ = start_http_server(port, addr=host, registry=registry)
    except OSError as err:
        raise MetricsPortError(
            f"cannot serve metrics on {host}:{port} ({err.strerror}); set metricsPort of this service, 0 for none"
        ) from err
    return reader, lambda: _stop_http(server)


def _stop_http(server: WSGIServer) -> None:
    server.shutdown()
    server.server_close()


def _otlp_metrics(endpoint: str) -> MetricReader:
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    return PeriodicExportingMetricReader(OTLPMetricExporter(endpoint, insecure=_insecure(endpoint), timeout=5))


def _otlp_traces(resource: Resource, endpoint: str) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint, insecure=_insecure(endpoint), timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _insecure(endpoint: str) -> bool:
    return not endpoint.startswith("https://")
