"""What a TGI 3.3.6-dev0 writes, byte for byte: events, errors, pages. Its llama.cpp backend was recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

VERSION = "3.3.6-dev0"
LOGPROB = -0.30515778
COMMENT = b":\n\n"
"""Comes every 15 s while there is nothing else."""
DONE = b"data: [DONE]\n\n"


def event(value: object, *, space: bool = True) -> bytes:
    """Older servers write no space after the colon."""
    return (b"data: " if space else b"data:") + _json(value) + b"\n\n"


def token(
    index: int, number: int, text: str, *, special: bool = False, logprob: float | None = LOGPROB
) -> dict[str, Any]:
    """An event of a native stream, in the order of its keys."""
    given = {"id": number, "text": text, "logprob": logprob, "special": special}
    return {"index": index, "token": given, "generated_text": None, "details": None}


def details(reason: str, generated: int, seed: int, prompt: int) -> dict[str, Any]:
    """Of the last event."""
    return {"finish_reason": reason, "generated_tokens": generated, "seed": seed, "input_length": prompt}


def error(message: str, kind: str) -> dict[str, Any]:
    """A body, or an event of a native stream."""
    return {"error": message, "error_type": kind}


def chat_error(message: str) -> dict[str, Any]:
    """An event of a chat's stream: all have the same number."""
    return {"error": {"message": message, "http_status_code": 422}}


def chunk(model: str, choices: Sequence[dict[str, Any]], usage: dict[str, int] | None = None) -> dict[str, Any]:
    """An event of a chat."""
    return {
        "object": "chat.completion.chunk",
        "id": "",
        "created": 1763879000,
        "model": model,
        "system_fingerprint": f"{VERSION}-native",
        "choices": list(choices),
        "usage": usage,
    }


def choice(text: str, reason: str | None = None) -> dict[str, Any]:
    """Every delta repeats the role; the reason comes with the last text."""
    delta = {"role": "assistant", "content": text}
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


OVERLOADED = ("Model is overloaded", "overloaded")

METRICS_LLAMACPP = b"""# TYPE tgi_request_count counter
tgi_request_count 7

# TYPE tgi_request_success counter
tgi_request_success 5
"""
METRICS = (
    METRICS_LLAMACPP
    + b"""
# TYPE tgi_queue_size gauge
tgi_queue_size 3

# TYPE tgi_batch_current_size gauge
tgi_batch_current_size 12
"""
)

# In plain text, with the status.
WRONG_TYPE = (
    422,
    b"Failed to deserialize the JSON body into the target type: parameters.max_new_tokens: invalid value: integer `-1`,"
    b" expected u32 at line 1 column 50",
)
NO_JSON = (400, b"Failed to parse the request body as JSON: EOF while parsing an object at line 1 column 10")
NO_CONTENT_TYPE = (415, b"Expected request with `Content-Type: application/json`")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
