"""The schema of `soban.yaml`: what one machine and the chart both write. Keys are camelCase there, snake_case here."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

MIB = 1024 * 1024
DEMO_MODEL = "soban-demo"

Port = Annotated[int, Field(ge=0, le=65_535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Section(BaseModel):
    """A frozen part of the file that knows all its keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


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


class ModelConfig(Section):
    """One model that clients can name."""

    url: str
    """`bundled:soban-demo`, a file path, `file:...`, or `hf://owner/repo[/file.gguf]`."""
    engine: str = "llamacpp"
    address: str | None = None
    """Base URL of an engine that runs already; none means that Soban starts it."""
    tokenizer: str | None = None
    """Path of the model's `tokenizer.json`."""
    resource_profile: str | None = None
    min_replicas: Annotated[int, Field(ge=0)] = 1
    max_replicas: Annotated[int, Field(ge=1)] = 1
    context_length: Annotated[int, Field(ge=64)] | None = None
    """Tokens; none means what the model says."""
    parallel: Annotated[int, Field(ge=1, le=4096)] = 32
    """Sequences that one engine runs at once."""
    threads: Annotated[int, Field(ge=1)] | None = None
    queue_limit: Annotated[int, Field(ge=0)] = 64
    """Requests that wait for a free sequence before further ones are refused."""
    safety_policy: str | None = None
    system_prompt: str | None = None
    sampling: dict[str, float] = Field(default_factory=dict)

    @field_validator("address")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/]", value):
            raise ValueError("must start with http:// or https:// and name a host")
        return value


def demo_models() -> dict[str, ModelConfig]:
    """What a file without `models` serves: the bundled model."""
    return {DEMO_MODEL: ModelConfig(url=f"bundled:{DEMO_MODEL}")}


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
    routes: dict[str, Any] = Field(default_factory=dict)
    policies: dict[str, Any] = Field(default_factory=dict)
    services: ServiceSections = ServiceSections()
    telemetry: TelemetrySettings = TelemetrySettings()
