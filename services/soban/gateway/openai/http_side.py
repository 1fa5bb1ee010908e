"""The HTTP server beside the gRPC one: same process, same event loop."""

from __future__ import annotations

import asyncio

from aiohttp import web

from soban.gateway.openai.app import OpenAIApi
from soban.gateway.openai.connection import SERVER, Connection
from soban.gateway.openai.middleware import Front
from soban.gateway.openai.request import CALL, as_json
from soban.gateway.settings import GatewaySettings
from soban.runtime.context import REQUEST_ID
from soban.runtime.server import BindError
from soban.runtime.telemetry import Telemetry

_HURRIED_SECONDS = 0.5
"""What is still running when the server closes gets this long to notice that it is cancelled."""


class HttpSide:
    """Life of the HTTP server. `/health` answers from `open` on, `/ready` between `serve` and `refuse`."""

    def __init__(self, api: OpenAIApi, settings: GatewaySettings, telemetry: Telemetry) -> None:
        self._front = Front(telemetry, settings.longest_stream_seconds)
        app = web.Application(middlewares=[self._front.handle], client_max_size=settings.max_body_bytes)
        app.add_routes([*api.routes(), web.get("/health", self._health), web.get("/ready", self._ready)])
        app.on_response_prepare.append(_with_common_headers)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=_HURRIED_SECONDS)
        self._settings = settings
        self._listening: asyncio.Server | None = None
        self._welcome = False
        self.port = 0
        """The real port, once open."""

    def serve(self) -> None:
        """Requests are welcome."""
        self._welcome = self._front.ready = True

    def refuse(self) -> None:
        """`/ready` says no; requests that still come are answered."""
        self._welcome = False

    async def open(self) -> None:
        """Binds the port. Raises BindError."""
        await self._runner.setup()
        settings, loop = self._settings, asyncio.get_running_loop()
        server = self._runner.server
        assert server is not None  # noqa: S101 - set up above
        try:
            self._listening = await loop.create_server(
                lambda: Connection(server), settings.host, settings.http_port, reuse_port=settings.reuse_port or None
            )
        except OSError as err:
            raise BindError(
                f"cannot listen on {settings.host}:{settings.http_port} ({err.strerror}); "
                "set host and httpPort of the gateway"
            ) from err
        self.port = self._listening.sockets[0].getsockname()[1]

    async def drain(self) -> None:
        """Takes no new connections and requests, and returns once the running ones have ended."""
        self.refuse()
        self._front.ready = False
        if self._listening is not None:
            self._listening.close()
        await self._front.idle()

    async def close(self) -> None:
        """Ends what is left."""
        if self._listening is not None:
            self._listening.close()
        await self._runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        return as_json({"status": "ok"})

    async def _ready(self, _: web.Request) -> web.Response:
        return as_json({"status": "ready"}) if self._welcome else as_json({"status": "not ready"}, 503)


async def _with_common_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER
    if (call := request.get(CALL)) is not None:
        response.headers[REQUEST_ID] = call.request_id
