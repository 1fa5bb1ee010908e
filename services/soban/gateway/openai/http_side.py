"""The HTTP server beside the gRPC one: same process, same event loop."""

from __future__ import annotations

from aiohttp import web

from soban.gateway.openai.app import OpenAIApi
from soban.gateway.openai.middleware import Front
from soban.gateway.openai.request import CALL, as_json
from soban.gateway.settings import GatewaySettings
from soban.runtime.context import REQUEST_ID
from soban.runtime.server import BindError
from soban.runtime.telemetry import Telemetry

_HURRIED_SECONDS = 0.5
"""What is still running when the server closes gets this long to notice that it is cancelled."""


class HttpSide:
    """Life of the HTTP server. `/health` answers from `open` on, `/ready` while `ready` is set."""

    def __init__(self, api: OpenAIApi, settings: GatewaySettings, telemetry: Telemetry) -> None:
        self._front = Front(telemetry, settings.longest_stream_seconds)
        app = web.Application(middlewares=[self._front.handle], client_max_size=settings.max_body_bytes)
        app.add_routes([*api.routes(), web.get("/health", self._health), web.get("/ready", self._ready)])
        app.on_response_prepare.append(_with_common_headers)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_HURRIED_SECONDS)
        self._settings = settings
        self._site: web.TCPSite | None = None
        self.port = 0
        """The real port, once open."""

    @property
    def ready(self) -> bool:
        """Whether requests are welcome."""
        return self._front.ready

    @ready.setter
    def ready(self, ready: bool) -> None:
        self._front.ready = ready

    async def open(self) -> None:
        """Binds the port. Raises BindError."""
        await self._runner.setup()
        settings = self._settings
        self._site = web.TCPSite(
            self._runner, settings.host, settings.http_port, reuse_port=settings.reuse_port or None
        )
        try:
            await self._site.start()
        except OSError as err:
            raise BindError(
                f"cannot listen on {settings.host}:{settings.http_port} ({err.strerror}); "
                "set host and httpPort of the gateway"
            ) from err
        self.port = self._runner.addresses[0][1]

    async def drain(self) -> None:
        """Takes no new connections and requests, and returns once the running ones have ended."""
        self.ready = False
        if self._site is not None:
            await self._site.stop()
        await self._front.idle()

    async def close(self) -> None:
        """Ends what is left."""
        await self._runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        return as_json({"status": "ok"})

    async def _ready(self, _: web.Request) -> web.Response:
        return as_json({"status": "ready"}) if self.ready else as_json({"status": "not ready"}, 503)


async def _with_common_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "soban"
    if (call := request.get(CALL)) is not None:
        response.headers[REQUEST_ID] = call.request_id
