"""Around every HTTP request: its id, its deadline, its record, and errors in OpenAI's shape."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from soban.gateway.openai import errors
from soban.gateway.openai.request import CALL, ERROR, as_json
from soban.runtime import semconv
from soban.runtime.context import (
    REQUEST_ID,
    TRACEPARENT,
    Call,
    extract_trace,
    request_id_of,
    traceparent_of,
    valid_traceparent,
)
from soban.runtime.errors import NotReady
from soban.runtime.semconv import Histogram
from soban.runtime.telemetry import Telemetry

_logger = logging.getLogger("soban.access")

# opentelemetry.io/docs/specs/semconv/http/http-metrics, "http.server.request.duration", and its attributes.
HTTP_SERVER_REQUEST_DURATION = Histogram(
    "http.server.request.duration",
    "s",
    "Duration of HTTP requests.",
    (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
HTTP_METHOD = "http.request.method"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"

CLIENT_LEFT = 499
"""nginx's status for a client that did not wait; only the record sees it."""

_LATE_SECONDS = 1.0
"""An answer may end so much after its deadline, for the error that tells of it."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Front:
    """The middleware. While `ready` is unset, /v1 answers 503."""

    def __init__(self, telemetry: Telemetry, longest_seconds: float) -> None:
        self.ready = False
        self._tracer = telemetry.tracer
        self._durations = telemetry.histogram(HTTP_SERVER_REQUEST_DURATION)
        self._longest_seconds = longest_seconds
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def idle(self) -> None:
        """Returns once no request is under way."""
        await self._idle.wait()

    @web.middleware
    async def handle(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answers `request` and records it on every way it ends."""
        resource = request.match_info.route.resource
        route = semconv.OTHER_METHOD if resource is None else resource.canonical
        began, status = time.perf_counter(), CLIENT_LEFT
        span = self._tracer.start_span(f"{request.method} {route}", extract_trace(request.headers), SpanKind.SERVER)
        self._running += 1
        self._idle.clear()
        # A client that does not read holds its handler in a write, where no deadline of a call reaches it.
        bound = asyncio.get_running_loop().call_later(self._longest_seconds + _LATE_SECONDS, _abort, request)
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                request[CALL] = self._call_of(request, span)
                response = await self._answer(request, handler)
                await response.prepare(request)
                await response.write_eof()
            status = response.status
            return response
        finally:
            bound.cancel()
            self._running -= 1
            if self._running == 0:
                self._idle.set()
            self._record(request, route, status, time.perf_counter() - began, span)

    def _call_of(self, request: web.Request, span: Span) -> Call:
        request_id = request_id_of(request.headers.get(REQUEST_ID))
        deadline = time.monotonic() + self._longest_seconds
        if not span.is_recording():
            return Call(request_id, deadline, valid_traceparent(request.headers.get(TRACEPARENT)))
        parent = trace.set_span_in_context(span)
        return Call(request_id, deadline, traceparent_of(parent), parent)

    def _admit(self, request: web.Request) -> None:
        if not self.ready and request.path.startswith("/v1"):
            raise NotReady("the server is loading or stopping")

    async def _answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            self._admit(request)
            return await handler(request)
        except web.HTTPException as err:
            return _http_error(err, request)
        except ConnectionError:
            raise
        except Exception as err:  # noqa: BLE001 - the last frame of ours: whatever it is, the client gets an answer
            error = errors.told(err, request[CALL])
            request[ERROR] = error.reason
            response = as_json(errors.as_object(error), errors.status_of(error))
            response.headers.update(errors.headers_of(error))
            return response

    def _record(self, request: web.Request, route: str, status: int, seconds: float, span: Span) -> None:
        method = request.method if request.method in hdrs.METH_ALL else semconv.OTHER_METHOD
        attributes: dict[str, str | int] = {HTTP_METHOD: method, HTTP_ROUTE: route, HTTP_STATUS: status}
        reason = request.get(ERROR)
        if reason or status >= 500:
            attributes[semconv.ERROR_TYPE] = reason or str(status)
        self._durations.record(seconds, attributes)
        span.set_attributes(dict(attributes))
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end()
        fields = {
            "method": f"{method} {route}",
            "code": status,
            "reason": reason,
            "duration_ms": round(seconds * 1000, 3),
            "request_id": request[CALL].request_id,
        }
        _logger.info("call", extra=fields)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _http_error(err: web.HTTPException, request: web.Request) -> web.Response:
    """What aiohttp refuses, as an error object."""
    if isinstance(err, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(err.allowed_methods))
        response = as_json(errors.error_object(f"{request.path} takes {allowed}", 405, "method_not_allowed"), 405)
        response.headers[hdrs.ALLOW] = allowed
        return response
    if isinstance(err, web.HTTPNotFound):
        message, code = f"there is no {request.method} {request.path}", "unknown_url"
    elif isinstance(err, web.HTTPRequestEntityTooLarge):
        message, code = "the body is too large", "body_too_large"
    else:
        message, code = err.reason, err.reason.lower().replace(" ", "_")
    return as_json(errors.error_object(message, err.status, code), err.status)
