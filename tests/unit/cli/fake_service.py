"""A service as `soban up` starts it. Its manner: `well`, `refuses` its configuration, or is `slow` to let go."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import grpc

from soban.runtime.config import ConfigError
from soban.runtime.server import run, serve
from soban.runtime.settings import ServerSettings
from soban.runtime.telemetry import Telemetry


class Service:
    """Serves nothing but its health."""

    def __init__(self, manner: str) -> None:
        self._manner = manner

    @property
    def service_names(self) -> Sequence[str]:
        return ["soban.test.Nothing"]

    def add_to(self, server: grpc.aio.Server) -> None:
        return None

    async def start(self) -> None:
        if self._manner == "refuses":
            raise ConfigError("models.ko-8b", "no such file")

    async def drain(self, grace: float) -> None:
        if self._manner == "slow":
            await asyncio.sleep(grace)

    async def stop(self) -> None:
        return None


async def main(port: int, manner: str) -> None:
    await serve(Service(manner), ServerSettings(port=port, metrics_port=0), Telemetry.noop())


if __name__ == "__main__":
    sys.exit(run(lambda: main(int(sys.argv[1]), sys.argv[2])))
