"""What TGI means by its refusals: `InferError` and `ValidationError` of its router/src, by type or by their words.

A native stream tells them inside HTTP 200, by type. A stream of a chat tells all of them with the status 422, so that
only the words are left to tell an overload from a wrong field:

    {"error": "Model is overloaded", "error_type": "overloaded"}
    {"error": {"message": "Model is overloaded", "http_status_code": 422}}
"""

from __future__ import annotations

import re

import soban.v1 as pb
from soban.generation.engines import openai_errors
from soban.generation.engines.openai_errors import Refusal, overflow, refused, text_field
from soban.runtime.errors import (
    EngineFailed,
    EngineOverloaded,
    Internal,
    InvalidField,
    NotBuilt,
    SobanError,
)

# How the message of each type begins: all that a stream of a chat tells. What follows may quote the request.
_BEGINNINGS = {
    "model is overloaded": "overloaded",
    "input validation error": "validation",
    "template error": "template_error",
    "missing template": "missing_template_variable",
    "request failed during generation": "generation",
    "incomplete generation": "incomplete_generation",
    "tool error": "tool_error",
    "stream": "stream_serialization_error",
}
_FAILURES = frozenset(
    {
        "generation",
        "incomplete_generation",
        "incomplete_generation_stream",
        "tool_error",
        "stream_serialization_error",
        "no details",
    }
)
_OVER_TOTAL = re.compile(
    r"`inputs` tokens \+ `max_new_tokens` must be <= (\d+)\. Given: (\d+) `inputs` tokens and (\d+) `max_new_tokens`"
)
_OVER_INPUT = re.compile(r"`inputs` must have less than (\d+) tokens\. Given: (\d+)")
# TGI's name of a parameter, as its validation quotes it, and the option it stands for.
_PARAMETERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "repetition_penalty": "repetition_penalty",
    "frequency_penalty": "frequency_penalty",
    "max_new_tokens": "max_tokens",
    "top_n_tokens": "top_logprobs",
    "seed": "seed",
}
_QUOTED = re.compile(r"`(\w+)`")


def error_of(refusal: Refusal, request: pb.GenerateRequest) -> SobanError:
    """As `ErrorOf`."""
    kind = _type_of(refusal)
    if kind == "overloaded" or refusal.status == 429:
        return EngineOverloaded("the engine is overloaded", retry_after=refusal.retry_after)
    if kind == "validation":
        return _invalid(refusal, request)
    if "template" in kind:
        return InvalidField("the model's chat template refuses this conversation", field="messages")
    if kind in _FAILURES or refusal.status == 424:
        return EngineFailed("the engine failed in the middle of an answer")
    if refusal.status in (400, 415):
        # In plain text: it could not read the request at all.
        return Internal(f"the engine cannot read a request ({refusal.status})")
    return openai_errors.error_of(refusal, request)


def _type_of(refusal: Refusal) -> str:
    said = refusal.message.lower()
    begun = (kind for words, kind in _BEGINNINGS.items() if said.startswith(words))
    return refusal.kind or next(begun, "")


def _invalid(refusal: Refusal, request: pb.GenerateRequest) -> SobanError:
    message = refusal.message
    if (total := _OVER_TOTAL.search(message)) is not None:
        return overflow(request, int(total[2]) + int(total[3]), int(total[1]))
    if (most := _OVER_INPUT.search(message)) is not None:
        return overflow(request, int(most[2]), int(most[1]))
    if "grammar is not supported" in message:
        return NotBuilt("this engine was started without grammars", metadata={"engine": "tgi"})
    return refused(refusal, _field(message, request))


def _field(message: str, request: pb.GenerateRequest) -> str:
    shape = request.options.response_format.WhichOneof("format")
    if shape and ("grammar" in message.lower() or "regex" in message.lower()):
        return f"options.response_format.{shape}"
    quoted = _QUOTED.search(message)
    name = quoted[1] if quoted else ""
    if name == "inputs":
        return text_field(request)
    return f"options.{_PARAMETERS[name]}" if name in _PARAMETERS else "options"
