"""How llama.cpp says what OpenAI's API leaves open.

Field names are those of llama.cpp's tools/server/server-schema.cpp (October 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import soban.v1 as pb
from soban.generation.answer_shapes import json_schema
from soban.generation.engines.openai_request import OPENAI_OPTIONS, Dialect

PING_SECONDS = 10
"""A stream that stays silent gets a comment this often."""


def _shape(shape: pb.ResponseFormat) -> dict[str, Any]:
    kind = shape.WhichOneof("format")
    if kind == "json_object":
        return {"json_schema": {"type": "object"}}
    if kind == "json_schema":
        return {"json_schema": json_schema(shape.json_schema, "options.response_format.json_schema")}
    if kind == "grammar":
        return {"grammar": shape.grammar}
    return {}


def _logit_bias(biases: Mapping[int, float]) -> list[list[float]]:
    """Pairs: in an object llama.cpp would take a key that is no number for a text."""
    return [[token, bias] for token, bias in sorted(biases.items())]


DIALECT = Dialect(
    engine="llamacpp",
    options={**OPENAI_OPTIONS, "top_k": "top_k", "min_p": "min_p", "repetition_penalty": "repeat_penalty"},
    # Timings come with each event, so that usage is exact also when a stream ends early.
    always={
        "stream_options": {"include_usage": True},
        "timings_per_token": True,
        "sse_ping_interval": PING_SECONDS,
        "cache_prompt": True,
    },
    # llama.cpp refuses a generation prompt beside a message that is continued.
    continuation={"continue_final_message": True, "add_generation_prompt": False},
    tools={"parallel_tool_calls": True},
    tool_by_name=False,
    shape=_shape,
    logit_bias=_logit_bias,
    fewest_top_logprobs=1,
    # llama.cpp takes the highest 32-bit value as "random".
    seeds=2**32 - 1,
)
