"""What llama.cpp answers when it does not answer, as errors of the contract.

They come as a body or as an event of a stream; the types are those of `format_error_response` in
tools/server/server-common.cpp:

    {"error": {"code": 400, "message": "...", "type": "invalid_request_error"}}
"""

from __future__ import annotations

import json
from typing import Any

import soban.v1 as pb
from soban.runtime.details import clip
from soban.runtime.errors import (
    ContextOverflow,
    EngineLost,
    EngineOverloaded,
    Internal,
    InvalidField,
    NoReplica,
    NotBuilt,
    SobanError,
    TextTooLong,
)

_MESSAGE_BYTES = 300
_LONGEST_RETRY = 60.0
_CODES = {"unavailable_error": 503, "not_supported_error": 501}


def error_of(request: pb.GenerateRequest, status: int, body: bytes, retry_after: str | None = None) -> SobanError:
    """The error behind an HTTP answer that is not 200. `retry_after` is the header."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    error = found.get("error") if isinstance(found, dict) else None
    return error_in(request, error, status, _seconds(retry_after))


def error_in(
    request: pb.GenerateRequest, told: object, status: int = 0, retry_after: float | None = None
) -> SobanError:
    """The error behind an `error` object; `status` is the HTTP status, or 0 inside a stream."""
    error = told if isinstance(told, dict) else {}
    kind, message = str(error.get("type", "")), str(error.get("message", ""))
    code = _CODES.get(kind, status or _number(error.get("code"), 500))
    if kind == "exceed_context_size_error":
        return _overflow(request, error)
    if 400 <= code < 500:
        return _refused(request, code, message, retry_after)
    if code == 501:
        return NotBuilt("the engine cannot do this with its model", metadata={"engine_error": kind})
    if code == 503:
        return NoReplica("the engine is loading its model", retry_after=retry_after)
    # With one KV cache for all sequences, the ones that no longer fit end like this.
    if "context size has been exceeded" in message.lower():
        return EngineOverloaded("the engine's memory for contexts is full")
    return EngineLost(f"the engine failed with status {code}")


def _overflow(request: pb.GenerateRequest, error: dict[str, Any]) -> SobanError:
    asked, room = _number(error.get("n_prompt_tokens"), 0), _number(error.get("n_ctx"), 0)
    return ContextOverflow(
        f"the prompt has {asked} tokens, and the context of this model {room}",
        field=_text_field(request),
        metadata={"input_tokens": str(asked), "context_length": str(room)},
    )


def _refused(request: pb.GenerateRequest, code: int, message: str, retry_after: float | None) -> SobanError:
    if code == 429:
        return EngineOverloaded("the engine is overloaded", retry_after=retry_after)
    if code in (401, 403):
        return Internal(f"the engine refuses its key ({code})")
    if code == 404:
        return EngineLost("what answers at the engine's address is no llama.cpp server")
    if code == 413:
        return TextTooLong("the request is longer than the engine takes", field=_text_field(request))
    # The engine's own words: they are about the caller's request, go to nobody else, and no log holds them.
    text = f"the engine refuses the request: {clip(message, _MESSAGE_BYTES)}"
    return InvalidField(text, field=_field_of(request, message.lower()))


def _field_of(request: pb.GenerateRequest, message: str) -> str:
    """The field that a refusal is about, as far as its words tell."""
    shape = request.options.response_format.WhichOneof("format")
    if shape and ("grammar" in message or "schema" in message):
        return f"options.response_format.{shape}"
    if request.options.tools and "tool" in message:
        return "options.tools"
    return _text_field(request) if "role" in message or "template" in message else "options"


def _text_field(request: pb.GenerateRequest) -> str:
    return "messages" if request.messages else "prompt"


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _seconds(header: str | None) -> float | None:
    """Retry-After in seconds; the form with a date counts as absent."""
    if header is None or not header.strip().isdigit():
        return None
    return min(_LONGEST_RETRY, float(header))
