"""The schema of `soban.yaml`: what one machine and the chart both write. Keys are camelCase there, snake_case here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from soban.runtime.model_settings import ModelConfig, ProfileConfig, demo_models
from soban.runtime.route_settings import RouteConfig
from soban.runtime.section import Seconds, Section

MIB = 1024 * 1024

Port = Annotated[int, Field(ge=0, le=65_535)]


class TelemetrySettings(Section):
    """Where traces and metrics go."""

    otlp_endpoint: str | None = None
    """`http://collector:4317` (OTLP over gRPC); none means that nothing is exported."""


class ServerSettings(Section):
    """What every server has; a service adds its own fields in a subclass and sets its port."""

    host: str = "127.0.0.1"
    port: Port = 0
    metrics_port: Port | None = None
    """Prometheus endpoint; absent means port + 1000, and 0 switches it off."""
    longest_stream_seconds: Seconds = 600.0
    """The longest call allowed. Grace at the end, default deadline and connection age derive from it."""
    drain_seconds: Annotated[float, Field(ge=0, le=600)] = 0.0
    """How long a stopping server still takes calls until endpoints forgot it: 0 on one machine."""
    max_message_bytes: Annotated[int, Field(ge=1024, le=1024 * MIB)] = 16 * MIB
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    reflection: bool = True
    reuse_port: bool = False
    """Lets several processes share one port (SO_REUSEPORT)."""
    telemetry: TelemetrySettings = TelemetrySettings()

    @property
    def address(self) -> str:
        """`host:port`, with brackets around IPv6."""
        host = f"[{self.host}]" if ":" in self.host and not self.host.startswith("[") else self.host
        return f"{host}:{self.port}"

    @property
    def prometheus_port(self) -> int | None:
        """The port to serve metrics on, or None."""
        if self.metrics_port is not None:
            return self.metrics_port or None
        return self.port + 1000 if 0 < self.port <= 64_535 else None

    @property
    def grace(self) -> float:
        """Seconds that running calls get to finish after SIGTERM."""
        return self.longest_stream_seconds

    @property
    def connection_age(self) -> float:
        """Seconds after which a connection is renewed, so that clients see new replicas; it cuts no stream."""
        return min(300.0, max(60.0, self.longest_stream_seconds / 2))


class ServiceSections(Section):
    """`services`: one raw section per service, checked by the service that owns it."""

    gateway: dict[str, Any] = Field(default_factory=dict)
    tokenization: dict[str, Any] = Field(default_factory=dict)
    safety: dict[str, Any] = Field(default_factory=dict)
    generation: dict[str, Any] = Field(default_factory=dict)
    scaler: dict[str, Any] = Field(default_factory=dict)


class ConfigFile(Section):
    """The whole file."""

    models: dict[str, ModelConfig] = Field(default_factory=demo_models)
    profiles: dict[str, ProfileConfig] = Field(default_factory=dict)
    routes: dict[str, RouteConfig] = Field(default_factory=dict)
    policies: dict[str, Any] = Field(default_factory=dict)
    services: ServiceSections = ServiceSections()
    telemetry: TelemetrySettings = TelemetrySettings()
