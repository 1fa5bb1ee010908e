"""Runs the scaler: `python -m soban.scaler [-c soban.yaml]`."""

from __future__ import annotations

import sys

from soban.runtime.boot import boot
from soban.runtime.server import run, serve
from soban.scaler.component import Scaler
from soban.scaler.settings import ScalerSettings


async def main() -> None:
    """Settings, collaborators, serve."""
    _, settings, telemetry = boot("scaler", ScalerSettings)
    await serve(Scaler(settings, telemetry), settings, telemetry)


if __name__ == "__main__":
    sys.exit(run(main))
