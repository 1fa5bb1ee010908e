"""Runs safety: `python -m soban.safety [-c soban.yaml]`."""

from __future__ import annotations

import sys

from soban.runtime.boot import boot
from soban.runtime.server import run, serve
from soban.safety.component import Safety
from soban.safety.settings import SafetySettings


async def main() -> None:
    """Settings, collaborators, serve."""
    config, settings, telemetry = boot("safety", SafetySettings)
    await serve(Safety(config.policies, settings, telemetry), settings, telemetry)


if __name__ == "__main__":
    sys.exit(run(main))
