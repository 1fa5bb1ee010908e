"""What llama.cpp means by its refusals beyond what all engines with an OpenAI API mean.

The types are those of `format_error_response` in tools/server/server-common.cpp:

    {"error": {"code": 400, "message": "...", "type": "invalid_request_error"}}
"""

from __future__ import annotations

import soban.v1 as pb
from soban.generation.engines import openai_errors
from soban.generation.engines.openai_errors import Refusal, number, overflow
from soban.runtime.errors import EngineOverloaded, InvalidField, NoReplica, NotBuilt, SobanError


def error_of(refusal: Refusal, request: pb.GenerateRequest) -> SobanError:
    """As `ErrorOf`."""
    words = refusal.words
    if refusal.kind == "exceed_context_size_error":
        told = refusal.details
        return overflow(request, number(told.get("n_prompt_tokens"), 0), number(told.get("n_ctx"), 0))
    if refusal.kind == "unavailable_error":
        return NoReplica("the engine is loading its model", retry_after=refusal.retry_after)
    if refusal.kind == "not_supported_error":
        return NotBuilt("the engine cannot do this with its model", metadata={"engine_error": refusal.kind})
    # With one KV cache for all sequences, the ones that no longer fit end like this.
    if refusal.status >= 500 and "context size has been exceeded" in words:
        return EngineOverloaded("the engine's memory for contexts is full")
    # A model without its projector (`--mmproj`) says so with status 500.
    if "image input is not supported" in words:
        return InvalidField("this model does not see images", field="messages")
    return openai_errors.error_of(refusal, request)
