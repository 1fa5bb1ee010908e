"""One TCP connection to the HTTP side: bounded while it is idle, and what is no HTTP answered in OpenAI's shape."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from soban.gateway.openai import errors
from soban.gateway.openai.request import as_json

SERVER = "soban"

_logger = logging.getLogger(__name__)
_IDLE_SECONDS = 30.0


class Connection(web.RequestHandler):
    """It is closed when no whole header has come within 30 s of its opening or of its last answer."""

    __slots__ = ()

    def __init__(self, server: web.Server) -> None:
        # aiohttp takes None for "no access log", which its annotation does not say.
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=_IDLE_SECONDS,
        )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's own may quote what came
    ) -> web.StreamResponse:
        """What went wrong outside of the application, as an error object; the connection ends with it."""
        if isinstance(exc, HttpProcessingError):
            _logger.debug("no HTTP", exc_info=exc)
        else:
            _logger.error("failed outside of the application", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, and no other can follow")
        response = _told(exc, status)
        response.headers["Server"] = SERVER
        response.force_close()
        return response


def _told(exc: BaseException | None, status: int) -> web.Response:
    if isinstance(exc, LineTooLong):
        status, text, code = 431, "the request line or a header is too large", "header_too_large"
    elif isinstance(exc, HttpProcessingError):
        text, code = "the request is not valid HTTP", "invalid_http"
    else:
        text, code = "internal error", "internal"
    return as_json(errors.error_object(text, status, code), status)
