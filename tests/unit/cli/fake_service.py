"""A service as `soban up` starts it. Its manner: `well`, `refuses` its configuration, or is `slow` to let go."""

from __future__ import annotations

import asyncio
import signal
import sys

import grpc

from soban.runtime.child import exit_with_parent

SERVING = b"\x08\x01"


async def _serving(request: bytes, context: object) -> bytes:
    return SERVING


async def main(port: int, manner: str) -> int:
    if manner == "refuses":
        sys.stderr.write("soban: models.ko-8b: no such file\n")
        return 2
    server = grpc.aio.server()
    check = grpc.unary_unary_rpc_method_handler(_serving)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check})])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    signals: asyncio.Queue[None] = asyncio.Queue()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, signals.put_nowait, None)
    for _ in range(2 if manner == "slow" else 1):
        await signals.get()
    await server.stop(0)
    return 0


if __name__ == "__main__":
    exit_with_parent()
    sys.exit(asyncio.run(main(int(sys.argv[1]), sys.argv[2])))
