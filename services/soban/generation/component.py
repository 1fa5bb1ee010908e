"""Generation as a component of a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grpc

import soban.v1 as pb
from soban.generation.measure import Meter
from soban.generation.registry import Registry
from soban.generation.servicer import GenerationServicer
from soban.generation.settings import GenerationSettings
from soban.runtime.model_settings import ModelConfig
from soban.runtime.telemetry import Telemetry

_SERVICE = "soban.v1.GenerationService"


class Generation:
    """The engines, and the service in front of them."""

    def __init__(self, models: Mapping[str, ModelConfig], settings: GenerationSettings, telemetry: Telemetry) -> None:
        self.registry = Registry(models, settings)
        self._servicer = GenerationServicer(self.registry, Meter(telemetry), settings.max_prompt_bytes)

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

    async def drain(self, grace: float) -> None:
        """As `Component.drain`: all work is calls, and gRPC waits for those."""

    async def stop(self) -> None:
        """As `Component.stop`: no engine process is left."""
        await self.registry.stop()
