"""Generation as a component of a server."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

import soban.v1 as pb
from soban.generation.instruments import LoadGauges, Spending
from soban.generation.measure import Meter
from soban.generation.registry import Registry
from soban.generation.servicer import GenerationServicer
from soban.generation.settings import GenerationSettings
from soban.generation.tenants import TenantNames
from soban.generation.watch import LoadWatch
from soban.runtime.config import Config
from soban.runtime.telemetry import Telemetry

_SERVICE = "soban.v1.GenerationService"


class Generation:
    """The engines, and the service in front of them."""

    def __init__(self, config: Config, settings: GenerationSettings, telemetry: Telemetry) -> None:
        spending = Spending(telemetry, TenantNames(settings.metered_tenants))
        self.registry = Registry(config, settings, spending)
        self._gauges = LoadGauges(telemetry, self.registry.loads)
        self._watch = LoadWatch(self.registry.loads)
        self._servicer = GenerationServicer(self.registry, Meter(telemetry), self._watch, settings.max_prompt_bytes)

    @property
    def service_names(self) -> Sequence[str]:
        """As `Component.service_names`."""
        return (_SERVICE,)

    def add_to(self, server: grpc.aio.Server) -> None:
        """As `Component.add_to`."""
        pb.add_GenerationServiceServicer_to_server(self._servicer, server)

    async def start(self) -> None:
        """As `Component.start`: every engine of our own is loaded and warm."""
        await self.registry.start()
        self._gauges.start()

    async def drain(self, grace: float) -> None:  # noqa: ARG002 - gRPC waits for all that takes time
        """As `Component.drain`: watchers are sent away."""
        self._watch.close()

    async def stop(self) -> None:
        """As `Component.stop`: no engine process is left."""
        self._gauges.stop()
        await self.registry.stop()
