"""A whole server process around the echo component: `python echo_main.py [-c soban.yaml]`."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from soban.runtime.boot import boot
from soban.runtime.server import run, serve
from soban.runtime.settings import ServerSettings
from unit.runtime.echo import Echo


class SlowEcho(Echo):
    """Three messages, 0.2 s apart."""

    async def unary_stream(self, request: Any, context: Any) -> Any:
        for _ in range(3):
            yield request
            await asyncio.sleep(0.2)


async def main() -> None:
    _, settings, telemetry = boot("gateway", ServerSettings)
    echo = SlowEcho()
    if os.environ.get("ECHO_FAILS"):
        echo.start_error = FileNotFoundError("no model at /nowhere")
    await serve(echo, settings, telemetry)


if __name__ == "__main__":
    raise SystemExit(run(main))
