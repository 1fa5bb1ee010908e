"""`grpc.health.v1`: `live` from bind on; "", `ready` and each service while calls are welcome."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio

LIVE = "live"
READY = "ready"
_Status = health_pb2.HealthCheckResponse


class Health:
    """What the probes of Kubernetes and the health checks of clients read."""

    def __init__(self, service_names: Sequence[str]) -> None:
        self._servicer = aio.HealthServicer()
        self._names = ("", READY, *service_names)

    async def add_to(self, server: grpc.aio.Server) -> None:
        """Registers the servicer: alive, not ready."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)
        await self._servicer.set(LIVE, _Status.SERVING)
        await self.set_ready(False)

    async def set_ready(self, ready: bool) -> None:
        """Flips everything but `live`."""
        for name in self._names:
            await self._servicer.set(name, _Status.SERVING if ready else _Status.NOT_SERVING)
