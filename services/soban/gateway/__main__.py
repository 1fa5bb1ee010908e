"""Runs the gateway: `python -m soban.gateway [-c soban.yaml]`."""

from __future__ import annotations

import sys

from soban.gateway.gateway import Gateway
from soban.gateway.settings import GatewaySettings
from soban.runtime.boot import boot
from soban.runtime.server import run, serve


async def main() -> None:
    """Settings, collaborators, serve."""
    config, settings, telemetry = boot("gateway", GatewaySettings)
    gateway = Gateway(settings, settings.upstreams.beside(config.services), config.names.policies(), telemetry)
    await serve(gateway, settings, telemetry)


if __name__ == "__main__":
    sys.exit(run(main))
