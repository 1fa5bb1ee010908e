"""Runs the tokenization service: `python -m soban.tokenization [-c soban.yaml]`."""

from __future__ import annotations

import sys

from soban.runtime.boot import boot
from soban.runtime.server import run, serve
from soban.tokenization.settings import TokenizationSettings
from soban.tokenization.tokenization import Tokenization


async def main() -> None:
    """Settings, collaborators, serve."""
    config, settings, telemetry = boot("tokenization", TokenizationSettings)
    await serve(Tokenization(settings, config.names), settings, telemetry)


if __name__ == "__main__":
    sys.exit(run(main))
