"""A server that plays back recorded bytes, cut, paced and broken off as a test wants. Any engine can be played."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Script:
    """How a request is answered. `parts` are sent one by one, each after `gate` was passed, if there is one."""

    parts: Iterable[bytes] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    gate: asyncio.Semaphore | None = None
    cut: bool = False
    """The connection breaks after the last part."""
    hang: bool = False
    """Nothing comes after the last part."""
    mute: bool = False
    """Nothing comes at all, headers included."""


def stream(*parts: bytes, **settings: Any) -> Script:
    """An answer with status 200."""
    return Script(parts, **settings)


def refusal(status: int, body: bytes, **headers: str) -> Script:
    """An answer that is none; header names are written with `_`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Script((body,), status, {"Content-Type": "application/json", **named})


@dataclass
class Asked:
    """One request that came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


class Playback:
    """`scripts` answer POSTs: they are used up in order, the last one again and again. `pages` answer GETs by path."""

    def __init__(self, *scripts: Script, pages: Mapping[str, Script] | None = None) -> None:
        self.scripts = list(scripts)
        self.pages = dict(pages or {})
        self.asked: list[Asked] = []
        self.looked: list[str] = []
        self.open_streams = 0
        self.closed = asyncio.Event()
        """Whether a client has left before the end."""

    @contextlib.asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Its base URL."""
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/{path:.*}", self._post)
        app.router.add_get("/{path:.*}", self._get)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _get(self, request: web.Request) -> web.StreamResponse:
        self.looked.append(request.path)
        return await self._play(request, self.pages.get(request.path, refusal(404, b"")))

    async def _post(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(Asked(request.path, dict(request.headers), json.loads(await request.read())))
        return await self._play(request, self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0])

    async def _play(self, request: web.Request, script: Script) -> web.StreamResponse:
        if script.mute:
            await asyncio.Event().wait()
        response = web.StreamResponse(
            status=script.status, headers={"Content-Type": "text/event-stream", **script.headers}
        )
        response.enable_chunked_encoding()
        self.open_streams += 1
        try:
            await response.prepare(request)
            await self._send(response, script)
            if script.cut and request.transport is not None:
                request.transport.abort()
        except (asyncio.CancelledError, ConnectionError):
            self.closed.set()
            raise
        finally:
            self.open_streams -= 1
        return response

    async def _send(self, response: web.StreamResponse, script: Script) -> None:
        for part in script.parts:
            if script.gate is not None:
                await script.gate.acquire()
            await response.write(part)
        if script.hang:
            await asyncio.Event().wait()
