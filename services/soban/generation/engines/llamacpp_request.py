"""A request of the contract as a body for llama.cpp's `/v1/chat/completions` or `/v1/completions`.

Field names are those of llama.cpp's tools/server/server-schema.cpp (October 2026).
"""

from __future__ import annotations

from typing import Any

import soban.v1 as pb
from soban.generation.answer_shapes import json_schema
from soban.runtime.errors import NotBuilt
from soban.runtime.template_arguments import template_arguments

CHAT_PATH = "/v1/chat/completions"
COMPLETION_PATH = "/v1/completions"

PING_SECONDS = 10
"""A stream that stays silent gets a comment this often."""

_ROLES = {pb.ROLE_SYSTEM: "system", pb.ROLE_USER: "user", pb.ROLE_ASSISTANT: "assistant", pb.ROLE_TOOL: "tool"}
_CHOICES = {pb.ToolChoice.MODE_NONE: "none", pb.ToolChoice.MODE_REQUIRED: "required"}
# llama.cpp takes the highest 32-bit value as "random".
_SEEDS = 2**32 - 1

# Contract name to llama.cpp's, for what has the same meaning and range in both.
_SAME = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "repetition_penalty": "repeat_penalty",
}


def path_of(request: pb.GenerateRequest) -> str:
    """Where the request goes."""
    return CHAT_PATH if request.messages else COMPLETION_PATH


def body_of(request: pb.GenerateRequest, seed: int | None) -> dict[str, Any]:
    """The JSON body of one answer. Raises NotBuilt for what llama.cpp cannot do, InvalidField for unusable JSON.

    Stop texts stay here (`stops.py` says why). Timings come with each event, so that usage is exact also when a
    stream ends early.
    """
    options = request.options
    body: dict[str, Any] = {
        "stream": True,
        "stream_options": {"include_usage": True},
        "timings_per_token": True,
        "sse_ping_interval": PING_SECONDS,
        "cache_prompt": True,
        **{_SAME[field.name]: value for field, value in options.ListFields() if field.name in _SAME},
        **_shape(options.response_format),
    }
    if seed is not None:
        body["seed"] = seed % _SEEDS
    if options.logit_bias:
        body["logit_bias"] = [[token, bias] for token, bias in sorted(options.logit_bias.items())]
    if options.ignore_eos:
        body["ignore_eos"] = True
    body.update(_chat(request) if request.messages else _completion(request))
    return body


def _completion(request: pb.GenerateRequest) -> dict[str, Any]:
    options = request.options
    body: dict[str, Any] = {"prompt": request.prompt}
    if options.logprobs:
        body["logprobs"] = max(1, options.top_logprobs)
    return body


def _chat(request: pb.GenerateRequest) -> dict[str, Any]:
    options = request.options
    body: dict[str, Any] = {"messages": [_message(message) for message in request.messages]}
    if options.logprobs:
        body.update(logprobs=True, top_logprobs=max(1, options.top_logprobs))
    if options.continue_final_message:
        body.update(continue_final_message=True, add_generation_prompt=False)
    if options.template_arguments_json:
        body["chat_template_kwargs"] = template_arguments(
            options.template_arguments_json, "options.template_arguments_json"
        )
    if options.tools:
        body.update(_tools(options))
    return body


def _message(message: pb.Message) -> dict[str, Any]:
    if any(part.HasField("image") for part in message.parts):
        raise NotBuilt("images on engine llamacpp are not built", metadata={"feature": "images"})
    # llama.cpp itself joins the text parts of a message by a line feed.
    written: dict[str, Any] = {
        "role": _ROLES[message.role],
        "content": "\n".join(part.text for part in message.parts),
    }
    if message.name:
        written["name"] = message.name
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        written["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    return written


def _tool_call(call: pb.ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _tools(options: pb.GenerationOptions) -> dict[str, Any]:
    """llama.cpp knows no choice by name: the one tool is then the only one, and must be called."""
    chosen = options.tool_choice.name
    tools = [_tool(tool, index) for index, tool in enumerate(options.tools) if chosen in ("", tool.name)]
    mode = "required" if chosen else _CHOICES.get(options.tool_choice.mode, "auto")
    parallel = options.parallel_tool_calls if options.HasField("parallel_tool_calls") else True
    return {"tools": tools, "tool_choice": mode, "parallel_tool_calls": parallel}


def _tool(tool: pb.Tool, index: int) -> dict[str, Any]:
    field = f"options.tools[{index}].parameters_json_schema"
    parameters = json_schema(tool.parameters_json_schema, field) if tool.parameters_json_schema else {"type": "object"}
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": parameters,
            "strict": tool.strict,
        },
    }


def _shape(shape: pb.ResponseFormat) -> dict[str, Any]:
    kind = shape.WhichOneof("format")
    if kind == "regex":
        raise NotBuilt(
            "response_format.regex on engine llamacpp is not built; a grammar says the same",
            metadata={"feature": "response_format.regex"},
        )
    if kind == "json_object":
        return {"json_schema": {"type": "object"}}
    if kind == "json_schema":
        return {"json_schema": json_schema(shape.json_schema, "options.response_format.json_schema")}
    if kind == "grammar":
        return {"grammar": shape.grammar}
    return {}
