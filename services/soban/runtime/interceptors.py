"""The one server interceptor: deadline, request id, errors with details, and a record of every call.

Contrib's OpenTelemetry interceptor reports OK for aborted and cancelled calls, hence our own. It adds nothing per
message: answers are written by a loop that stands in place of gRPC's own, and a request stream is read by the
handler directly.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from google.protobuf import message as protobuf

from soban.runtime import semconv
from soban.runtime.context import REQUEST_ID, as_metadata, bind
from soban.runtime.details import DETAILS_KEY
from soban.runtime.errors import (
    DeadlineExceeded,
    Internal,
    InvalidMessage,
    NotBuilt,
    NotReady,
    SobanError,
    from_rpc_error,
)
from soban.runtime.recording import Record, Recorder
from soban.runtime.telemetry import Telemetry

_logger = logging.getLogger(__name__)

_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Behavior = Callable[[Any, _Context], Any]
_LATE_SECONDS = 5.0
# A negative time tells gRPC's clients not to retry (proposal A6, "Server pushback"). A handler may have waited for
# engines or worked on them, unseen by its caller, and its own calls have been tried again already.
_NO_RETRY = ("grpc-retry-pushback-ms", "-1")
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_OWN_CALLS = ("/grpc.health.", "/grpc.reflection.", "/grpc.channelz.")


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every method of every (async) servicer, except health and reflection.

    `longest` bounds each call in seconds, also where the caller set no deadline. Until `ready` is set, calls end
    UNAVAILABLE with reason NOT_READY.
    """

    def __init__(self, telemetry: Telemetry, longest: float) -> None:
        self.ready = False
        self.longest = longest
        self.recorder = Recorder(telemetry)
        self._running: set[asyncio.Task[Any]] = set()
        self._wrapped: dict[str, tuple[_Handler, _Handler]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler | None:
        """The handler, wrapped; what nobody serves gets a handler that says so."""
        method = handler_call_details.method
        handler = await continuation(handler_call_details)
        if method.startswith(_OWN_CALLS):
            return handler
        if handler is None:
            return _wrap(self, semconv.OTHER_METHOD, _missing(method))
        known = self._wrapped.get(method)
        if known is None or known[0] is not handler:
            known = handler, _wrap(self, method.removeprefix("/"), handler)
            self._wrapped[method] = known
        return known[1]

    def entered(self, task: asyncio.Task[Any]) -> None:
        """A call began in `task`; it counts as running until its status has been sent."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return len(self._running)

    async def idle(self) -> None:
        """Returns once no call has been under way for a moment."""
        while self._running:
            await asyncio.wait(set(self._running))
            await asyncio.sleep(0.05)


class _Guard:
    """Around one call: starts its record and clock, turns what it raises into a status."""

    __slots__ = ("_admitted", "_context", "_expired", "_owner", "_record", "_task", "_timer")

    def __init__(self, owner: CallInterceptor, method: str, context: _Context) -> None:
        remaining = context.time_remaining()
        limit = owner.longest if remaining is None else min(remaining, owner.longest)
        record = owner.recorder.begin(method, as_metadata(context.invocation_metadata()), limit)
        self._owner, self._context, self._record = owner, context, record
        self._admitted = self._expired = False
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - gRPC runs every call in a task
        self._task = task
        self._timer = task.get_loop().call_later(limit, self._expire)
        owner.entered(task)
        bind(context, record.call)
        context.set_trailing_metadata(((REQUEST_ID, record.call.request_id),))

    async def __aenter__(self) -> _Guard:
        return self

    def admit(self, request: Any) -> None:
        """Raises when the server still loads or the request could not be decoded."""
        if not self._owner.ready:
            raise NotReady("the server is still loading")
        if isinstance(request, InvalidMessage):
            raise request
        self._admitted = True

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._timer.cancel()
        if error is None or isinstance(error, grpc.aio.AbortError):
            self._record.end(_code_of(self._context))
        elif isinstance(error, asyncio.CancelledError):
            await self._cancelled()
        elif isinstance(error, Exception):
            await self._abort(_as_soban_error(error, self._record, self._context))
        else:
            self._record.end(grpc.StatusCode.INTERNAL)

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()

    async def _cancelled(self) -> None:
        """Ours to answer only if our clock did it and nobody else; the caller re-raises otherwise, which frees memory.

        grpc/grpc#43360: a handler that swallows the cancellation of its client leaks.
        """
        if self._expired and self._task.uncancel() == 0:
            await self._abort(DeadlineExceeded("the deadline has passed"))
        late = self._expired or (self._record.call.remaining(margin=0.02) or 0.0) <= 0.0
        code = grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
        self._record.end(code, code.name)

    async def _abort(self, error: SobanError) -> None:
        """The status waits behind messages that nobody reads, at the longest as long as the call might have taken."""
        self._record.end(error.code, error.reason)
        status = error.to_status()
        final = self._admitted and error.code is grpc.StatusCode.UNAVAILABLE
        trailers = (
            (DETAILS_KEY, status.SerializeToString()),
            (REQUEST_ID, self._record.call.request_id),
            *((_NO_RETRY,) if final else ()),
        )
        limit = max(_LATE_SECONDS, self._record.call.remaining() or 0.0)
        try:
            async with asyncio.timeout(limit):
                await self._context.abort(error.code, status.message, trailers)
        except TimeoutError:
            raise asyncio.CancelledError from None


def _as_soban_error(error: Exception, record: Record, context: _Context) -> SobanError:
    if isinstance(error, Internal):
        found: SobanError = error
    elif isinstance(error, SobanError):
        return error
    elif isinstance(error, grpc.aio.AioRpcError):
        found = from_rpc_error(error)
    elif isinstance(error, NotImplementedError) and _code_of(context) is grpc.StatusCode.UNIMPLEMENTED:
        return NotBuilt(f"{record.method} is not built in this release", metadata={"method": record.method})
    else:
        found = Internal(f"unexpected {type(error).__qualname__}")
    if isinstance(found, Internal):
        fields = {"id": found.id, "method": record.method, "request_id": record.call.request_id}
        _logger.error("internal error", exc_info=error, extra=fields)
    return found


def _wrap(owner: CallInterceptor, method: str, handler: _Handler) -> _Handler:
    makers: dict[tuple[bool, bool], tuple[Any, Any]] = {
        (False, False): (grpc.unary_unary_rpc_method_handler, handler.unary_unary),
        (False, True): (grpc.unary_stream_rpc_method_handler, handler.unary_stream),
        (True, False): (grpc.stream_unary_rpc_method_handler, handler.stream_unary),
        (True, True): (grpc.stream_stream_rpc_method_handler, handler.stream_stream),
    }
    make, behavior = makers[bool(handler.request_streaming), bool(handler.response_streaming)]
    around = _answering_many if handler.response_streaming else _answering_once
    decode = _decoder(handler.request_deserializer, raises=bool(handler.request_streaming))
    wrapped: _Handler = make(around(owner, method, behavior), decode, handler.response_serializer)
    return wrapped


def _answering_once(owner: CallInterceptor, method: str, behavior: _Behavior) -> _Behavior:
    async def answer(request: Any, context: _Context) -> Any:
        async with _Guard(owner, method, context) as guard:
            guard.admit(request)
            result = behavior(request, context)
            return await result if inspect.isawaitable(result) else result

    return answer


def _answering_many(owner: CallInterceptor, method: str, behavior: _Behavior) -> _Behavior:
    async def answer(request: Any, context: _Context) -> None:
        async with _Guard(owner, method, context) as guard:
            guard.admit(request)
            answers = behavior(request, context)
            if inspect.isawaitable(answers):
                await answers
            else:
                await _write_all(answers, context)

    return answer


async def _write_all(answers: Any, context: _Context) -> None:
    """gRPC's own loop, and it closes the generator at once when the caller leaves instead of when it is collected."""
    write = context.write
    try:
        async for answer in answers:
            await write(answer)
    finally:
        if hasattr(answers, "aclose"):
            await answers.aclose()


def _decoder(decode: Callable[[bytes], Any] | None, *, raises: bool) -> Callable[[bytes], Any] | None:
    """`decode`, with a readable error. A unary request is decoded before our handler runs and so returns the error."""
    if decode is None:
        return None

    def decoded(raw: bytes) -> Any:
        try:
            return decode(raw)
        except (protobuf.DecodeError, ValueError):
            error = InvalidMessage("not a valid message; are all strings UTF-8?", field="request")
        if raises:
            raise error
        return error

    return decoded


def _missing(method: str) -> _Handler:
    async def answer(_: Any, __: _Context) -> None:
        raise NotBuilt(f"no method {method.removeprefix('/')} here", metadata={"method": method.removeprefix("/")})

    return grpc.stream_stream_rpc_method_handler(answer)


def _code_of(context: _Context) -> grpc.StatusCode:
    code = context.code() or 0
    return code if isinstance(code, grpc.StatusCode) else _CODES[code]
