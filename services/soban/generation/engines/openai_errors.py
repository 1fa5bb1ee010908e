"""What an engine with an OpenAI API answers when it does not answer, as errors of the contract.

The same words come as a body with an HTTP status or as an event of a stream, in one of these forms:

    {"error": {"message": "...", "type": "BadRequestError", "param": null, "code": 400}}      OpenAI, vLLM, llama.cpp
    {"object": "error", "message": "...", "type": "BadRequest", "param": null, "code": 400}   SGLang, older vLLM
    {"error": {"message": "...", "http_status_code": 422}}                                    TGI, in streams of chats
    {"error": "...", "error_type": "overloaded"}                                              TGI, OpenVINO Model Server
    {"detail": "..."}                                                                         FastAPI
    plain text
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import soban.v1 as pb
from soban.generation.engines.http import Answered
from soban.runtime.details import clip
from soban.runtime.errors import (
    ContextOverflow,
    EngineFailed,
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
_NO_CREDIT = ("insufficient_quota", "billing_not_active", "billing_hard_limit_reached")

_NOT_ABOUT_ROOM = (401, 403, 404, 429)

# As in: the maximum context length is 4096 tokens; longer than the model's context length (4096 tokens); the maximum
# model length of 4096; maximum allowed input length of 4096; the max length: 2048; context_length_exceeded;
# `inputs` tokens + `max_new_tokens` must be <= 2048. These words are lower case, as `Refusal.words` are.
_ROOM = re.compile(
    r"(?:context[ _](?:length|size|window|limit)|(?:maximum|max) (?:model|prompt|(?:allowed )?input) length|max length"
    r"|`inputs` must have less than|`inputs` tokens \+ `max_new_tokens` must be|prompt is too long|input is too long"
    r"|reduce the length of the)[^\d]{0,24}(\d+)?"
)
# As in: 4000 in the messages; 7897 tokens from the input messages; you passed 5001 input tokens; the prompt
# (length 5000); the input (5000 tokens).
_PROMPT = re.compile(
    r"(\d+) (?:tokens )?(?:in|from) the (?:input )?(?:messages|prompt)"
    r"|(?:passed|has|contains) (?:at least )?(\d+) (?:input )?tokens"
    r"|prompt tokens: (\d+)|length \((\d+)\)|\(length (\d+)\)|input \((\d+) tokens\)"
    r"|given: (\d+)|resulted in (\d+) tokens"
)
_OVERLOADED = re.compile(r"overloaded|rate.?limit|too many requests|queue is full|higher priority request")
_LOADING = re.compile(r"loading|starting|not ready|initiali[sz]ing")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an engine said. `status` is the HTTP status, in a stream the one that the event tells, or 500."""

    status: int
    kind: str = ""
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    """The whole object that said so."""
    retry_after: float | None = None
    """Seconds."""

    @property
    def words(self) -> str:
        """Kind and message in small letters, to look into; they may quote the request."""
        return f"{self.kind} {self.message}".lower()


ErrorOf: TypeAlias = Callable[[Refusal, pb.GenerateRequest], SobanError]
"""Makes the error of the contract; the request tells which field is at fault."""


def refusal_of(answered: Answered) -> Refusal:
    """Of an HTTP answer that is not 200."""
    retry_after = _seconds(answered.headers.get("Retry-After"))
    try:
        found = json.loads(answered.body)
    except (ValueError, RecursionError):
        found = answered.body.decode(errors="replace")
    return _refusal(found, answered.status, retry_after)


def refusal_in(event: Mapping[str, Any]) -> Refusal:
    """Of an event of a stream, whose HTTP status was 200."""
    return _refusal(event, 0, None)


def error_of(refusal: Refusal, request: pb.GenerateRequest) -> SobanError:
    """What every engine of this family means by it."""
    status, words = refusal.status, refusal.words
    room = _ROOM.search(words)
    if room is not None and status not in _NOT_ABOUT_ROOM:
        return overflow(request, _PROMPT.search(words), room)
    if status == 402 or any(kind in refusal.kind for kind in _NO_CREDIT):
        return Internal("the engine refuses this account, or it has no credit left")
    # The message of a 400 may quote the request, which is no word on the engine.
    if status in (429, 529) or _OVERLOADED.search(refusal.kind.lower() if status == 400 else words):
        return EngineOverloaded("the engine is overloaded", retry_after=refusal.retry_after)
    if 400 <= status < 500:
        return _refused(refusal, request)
    return _failed(refusal)


def overflow(
    request: pb.GenerateRequest, prompt: re.Match[str] | int | None, room: re.Match[str] | int | None
) -> ContextOverflow:
    """With the tokens of the prompt and of the context, as far as they are known, so that a client can cut its text."""
    tokens, context = _count(prompt), _count(room)
    text = "prompt and answer do not fit the context of this model"
    if tokens and context:
        text = f"the prompt has {tokens} tokens, and with its answer it must fit {context}, the context of this model"
    elif context:
        text = f"{text}, which has {context} tokens"
    counts = {"input_tokens": tokens, "context_length": context}
    metadata = {name: str(count) for name, count in counts.items() if count}
    return ContextOverflow(text, field=text_field(request), metadata=metadata)


def refused(refusal: Refusal, field: str | None) -> InvalidField:
    """In the engine's own words, which are about the caller's request and go to nobody else."""
    return InvalidField("the engine refuses the request", quoted=clip(refusal.message, _MESSAGE_BYTES), field=field)


def text_field(request: pb.GenerateRequest) -> str:
    """Where the text of the request is."""
    return "prompt" if request.prompt else "messages"


def number(value: object, default: int) -> int:
    """`value` where it is a whole number, also one in text."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _refusal(found: object, status: int, retry_after: float | None) -> Refusal:
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    outer = found if isinstance(found, dict) else {"message": found if isinstance(found, str) else ""}
    inner = outer.get("error", outer)
    if not isinstance(inner, dict):
        inner = {"message": inner, "type": outer.get("error_type", outer.get("type", ""))}
    code = inner.get("code") or inner.get("http_status_code") or outer.get("code")
    kind = " ".join(str(part) for part in (inner.get("type"), code) if isinstance(part, str) and part)
    message = inner.get("message") or inner.get("detail") or inner.get("error_message") or ""
    return Refusal(status or number(code, 500), kind, str(message), inner, retry_after)


def _failed(refusal: Refusal) -> SobanError:
    """503 is what engines say while they load, and what others say when they are full."""
    if refusal.status == 501:
        return NotBuilt("the engine cannot do this with its model", metadata={"engine_error": refusal.kind})
    if refusal.status != 503:
        return EngineFailed(f"the engine failed with status {refusal.status}")
    if _LOADING.search(refusal.words):
        return NoReplica("the engine is loading its model", retry_after=refusal.retry_after)
    return EngineOverloaded("the engine takes no requests now", retry_after=refusal.retry_after)


def _refused(refusal: Refusal, request: pb.GenerateRequest) -> SobanError:
    status, words = refusal.status, refusal.words
    if status in (401, 403):
        return Internal(f"the engine refuses its key ({status})")
    if status == 404:
        if "model" in words or "lora" in words or "adapter" in words:
            return EngineFailed("the engine has no model or adapter of the configured name (engineModel, adapters)")
        return EngineFailed("what answers at the engine's address is no engine of the configured kind")
    if status in (405, 408, 499):
        return EngineFailed(f"the engine failed with status {status}")
    if status == 413:
        return TextTooLong("the request is longer than the engine takes", field=text_field(request))
    return refused(refusal, _field_of(request, words))


def _field_of(request: pb.GenerateRequest, words: str) -> str:
    """The field that a refusal is about, as far as its words tell."""
    shape = request.options.response_format.WhichOneof("format")
    if shape and any(word in words for word in ("grammar", "schema", "regex", "structured", "guided")):
        return f"options.response_format.{shape}"
    if request.options.tools and "tool" in words:
        return "options.tools"
    if any(word in words for word in ("role", "template", "image", "multimodal")):
        return text_field(request)
    return "options"


def _count(found: re.Match[str] | int | None) -> int:
    if isinstance(found, re.Match):
        return next((int(group) for group in found.groups() if group), 0)
    return found or 0


def _seconds(header: str | None) -> float | None:
    """Retry-After in seconds; the form with a date counts as absent."""
    if header is None or not header.strip().isdigit():
        return None
    return min(_LONGEST_RETRY, float(header))
