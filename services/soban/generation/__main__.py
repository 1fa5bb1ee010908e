"""Runs generation: `python -m soban.generation [-c soban.yaml]`."""

from __future__ import annotations

import sys

from soban.generation.component import Generation
from soban.generation.settings import GenerationSettings
from soban.runtime.boot import boot
from soban.runtime.server import run, serve


async def main() -> None:
    """Settings, collaborators, serve."""
    config, settings, telemetry = boot("generation", GenerationSettings)
    await serve(Generation(config, settings, telemetry), settings, telemetry)


if __name__ == "__main__":
    sys.exit(run(main))
