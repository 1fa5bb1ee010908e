"""Our errors as OpenAI's: an HTTP status and `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

import grpc

from soban.runtime.context import Call
from soban.runtime.errors import Internal, SobanError

_logger = logging.getLogger(__name__)
_Code = grpc.StatusCode

STATUSES: dict[grpc.StatusCode, int] = {
    _Code.INVALID_ARGUMENT: 400,
    _Code.FAILED_PRECONDITION: 400,
    _Code.OUT_OF_RANGE: 400,
    # The request asks for what this release has not: sending it again, as clients do after a 501, cannot help.
    _Code.UNIMPLEMENTED: 400,
    _Code.UNAUTHENTICATED: 401,
    _Code.PERMISSION_DENIED: 403,
    _Code.NOT_FOUND: 404,
    _Code.ALREADY_EXISTS: 409,
    _Code.ABORTED: 409,
    _Code.RESOURCE_EXHAUSTED: 429,
    _Code.CANCELLED: 499,
    _Code.UNKNOWN: 500,
    _Code.INTERNAL: 500,
    _Code.DATA_LOSS: 500,
    _Code.UNAVAILABLE: 503,
    _Code.DEADLINE_EXCEEDED: 504,
}

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}

# Where OpenAI has a word of its own that programs look for; other reasons keep theirs in lower case.
_WORDS = {
    "CONTEXT_OVERFLOW": "context_length_exceeded",
    "KEY_INVALID": "invalid_api_key",
    "QUOTA_EXCEEDED": "insufficient_quota",
    "INVALID_FIELD": "invalid_value",
}

# What is at fault where the error names no field.
_PARAMS = {"MODEL_NOT_FOUND": "model", "POLICY_NOT_FOUND": "soban.safety_policy", "CONTEXT_OVERFLOW": "messages"}


def told(error: Exception, call: Call) -> SobanError:
    """`error` as the client may know it; what is no error of ours is a bug, and is logged."""
    known = error if isinstance(error, SobanError) else Internal(f"unexpected {type(error).__qualname__}")
    if isinstance(known, Internal):
        _logger.error("internal error", exc_info=error, extra={"id": known.id, "request_id": call.request_id})
    return known


def status_of(error: SobanError) -> int:
    """The HTTP status."""
    return STATUSES.get(error.code, 500)


def error_object(message: str, status: int, code: str | None, param: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def as_object(error: SobanError) -> dict[str, Any]:
    """The body that tells `error`; an internal one tells its id alone."""
    code = _WORDS.get(error.reason, error.reason.lower())
    param = error.field or _PARAMS.get(error.reason)
    return error_object(error.public_message, status_of(error), code, param)


def headers_of(error: SobanError) -> dict[str, str]:
    """`Retry-After` in whole seconds, where the same request is worth sending again."""
    if error.retry_after is None or status_of(error) not in (429, 503):
        return {}
    return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}


def encode(data: Any) -> bytes:
    """JSON in UTF-8; a lone surrogate that a client sent where it is echoed becomes `?`."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
