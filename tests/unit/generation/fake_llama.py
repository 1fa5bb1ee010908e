"""A llama.cpp server that plays back recorded bytes, cut and paced as a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from unit.generation import recorded


@dataclass
class Script:
    """How a request is answered. `parts` are sent one by one, each after `gate` was passed, if there is one."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    parts: Iterable[bytes] = ()
    gate: asyncio.Semaphore | None = None
    cut: bool = False
    """The connection breaks after the last part."""
    hang: bool = False
    """Nothing comes after the last part."""
    mute: bool = False
    """Nothing comes at all, headers included."""


def streaming(*parts: bytes, **settings: Any) -> Script:
    return Script(parts=parts, **settings)


class FakeLlama:
    """`scripts` are used up in order, the last one again and again; `requests` are the bodies that came."""

    def __init__(self) -> None:
        self.scripts: list[Script] = [streaming(recorded.chat("안녕", "하세요"))]
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.healthy = True
        self.props: dict[str, Any] = recorded.PROPS
        self.open_streams = 0
        self.most_streams = 0
        self.closed = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Its base URL."""
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/chat/completions", self._generate)
        app.router.add_post("/v1/completions", self._generate)
        app.router.add_get("/health", self._health)
        app.router.add_get("/props", self._props)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        if not self.healthy:
            return web.Response(status=503, body=recorded.LOADING, content_type="application/json")
        return web.json_response({"status": "ok"})

    async def _props(self, _: web.Request) -> web.Response:
        return web.json_response(self.props)

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        self.keys.append(request.headers.get("Authorization"))
        self.requests.append(json.loads(await request.read()))
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        if script.mute:
            await asyncio.Event().wait()
        if script.status != 200:
            return web.Response(
                status=script.status, body=script.body, headers=script.headers, content_type="application/json"
            )
        return await self._stream(request, script)

    async def _stream(self, request: web.Request, script: Script) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        response.enable_chunked_encoding()
        self.open_streams += 1
        self.most_streams = max(self.most_streams, self.open_streams)
        try:
            await response.prepare(request)
            for part in script.parts:
                if script.gate is not None:
                    await script.gate.acquire()
                await response.write(part)
            if script.hang:
                await asyncio.Event().wait()
            if script.cut and request.transport is not None:
                request.transport.abort()
        except (asyncio.CancelledError, ConnectionError):
            self.closed.set()
            raise
        finally:
            self.open_streams -= 1
        return response
