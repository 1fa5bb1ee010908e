"""A request of the contract as a body for `/v1/chat/completions` or `/v1/completions`, in an engine's own words."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import soban.v1 as pb
from soban.generation.answer_shapes import json_schema
from soban.runtime.template_arguments import template_arguments

_ROLES = {pb.ROLE_SYSTEM: "system", pb.ROLE_USER: "user", pb.ROLE_ASSISTANT: "assistant", pb.ROLE_TOOL: "tool"}
_CHOICES = {pb.ToolChoice.MODE_NONE: "none", pb.ToolChoice.MODE_REQUIRED: "required"}

OPENAI_OPTIONS: Mapping[str, str] = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
"""Contract name to OpenAI's, for numbers with the same meaning and range in both."""


def logit_bias_object(biases: Mapping[int, float]) -> Any:
    """As OpenAI says them: `{"42": -100.0}`."""
    return {str(token): bias for token, bias in sorted(biases.items())}


def response_format(shape: pb.ResponseFormat) -> dict[str, Any]:
    """JSON objects and schemas as OpenAI says them; empty for everything else."""
    kind = shape.WhichOneof("format")
    if kind == "json_object":
        return {"response_format": {"type": "json_object"}}
    if kind == "json_schema":
        schema = json_schema(shape.json_schema, "options.response_format.json_schema")
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}}
    return {}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of engine says what OpenAI's API leaves open. What it cannot do at all is not said here."""

    engine: str
    """The kind, as in `models.<name>.engine`."""
    options: Mapping[str, str] = field(default_factory=lambda: OPENAI_OPTIONS)
    """Contract name to the engine's, for numbers with the same meaning and range in both."""
    always: Mapping[str, Any] = field(default_factory=lambda: {"stream_options": {"include_usage": True}})
    """Part of every body."""
    continuation: Mapping[str, Any] = field(default_factory=dict)
    """Makes the engine continue the last message."""
    tools: Mapping[str, Any] = field(default_factory=dict)
    """Part of every body with tools; an option that was given overrides it."""
    tool_by_name: bool = True
    """Whether a tool can be chosen by name; otherwise it is sent alone, and must be called."""
    shape: Callable[[pb.ResponseFormat], dict[str, Any]] = response_format
    """Says the shape of the answer."""
    logit_bias: Callable[[Mapping[int, float]], Any] = logit_bias_object
    """Says the biases of tokens."""
    logprobs: Mapping[str, Any] = field(default_factory=dict)
    """Part of every body for a chat that asks for log-probabilities."""
    fewest_top_logprobs: int = 0
    """Below that many alternatives the engine gives no log-probabilities at all."""
    top_k_unlimited: int = 0
    """How `top_k` 0 is said."""
    seeds: int = 2**63
    """Seeds are sent modulo this."""
    template_arguments: str = "chat_template_kwargs"
    """The field for values of the chat template."""
    chat_path: str = "/v1/chat/completions"
    completion_path: str = "/v1/completions"

    def path(self, request: pb.GenerateRequest) -> str:
        """Where the request goes."""
        return self.chat_path if request.messages else self.completion_path

    def body(self, request: pb.GenerateRequest, seed: int | None, model: str = "") -> dict[str, Any]:
        """The JSON body of one answer; without `model` where that is empty. Raises InvalidField for unusable JSON.

        Stop texts stay here (`stops.py` says why). That the engine can do what is asked has been checked before.
        """
        options = request.options
        body: dict[str, Any] = {"model": model} if model else {}
        body |= {"stream": True, **self.always, **self.shape(options.response_format)}
        body |= self._chat(request) if request.messages else self._completion(request)
        body |= {self.options[given.name]: value for given, value in options.ListFields() if given.name in self.options}
        if "top_k" in self.options and options.HasField("top_k") and options.top_k == 0:
            body[self.options["top_k"]] = self.top_k_unlimited
        if seed is not None:
            body["seed"] = seed % self.seeds
        if options.logit_bias:
            body["logit_bias"] = self.logit_bias(options.logit_bias)
        if options.ignore_eos:
            body["ignore_eos"] = True
        return body

    def _completion(self, request: pb.GenerateRequest) -> dict[str, Any]:
        options = request.options
        body: dict[str, Any] = {"prompt": request.prompt}
        if options.logprobs:
            body["logprobs"] = max(self.fewest_top_logprobs, options.top_logprobs)
        return body

    def _chat(self, request: pb.GenerateRequest) -> dict[str, Any]:
        options = request.options
        body: dict[str, Any] = {"messages": [_message(message) for message in request.messages]}
        if options.logprobs:
            most = max(self.fewest_top_logprobs, options.top_logprobs)
            body |= {"logprobs": True, "top_logprobs": most, **self.logprobs}
        if options.continue_final_message:
            body |= self.continuation
        if options.template_arguments_json:
            arguments = template_arguments(options.template_arguments_json, "options.template_arguments_json")
            body[self.template_arguments] = arguments
        if options.tools:
            body |= self._tools(options)
        return body

    def _tools(self, options: pb.GenerationOptions) -> dict[str, Any]:
        chosen = options.tool_choice.name
        alone = chosen if not self.tool_by_name else ""
        body: dict[str, Any] = {
            **self.tools,
            "tools": [_tool(tool, index) for index, tool in enumerate(options.tools) if alone in ("", tool.name)],
            "tool_choice": _CHOICES.get(options.tool_choice.mode, "auto"),
        }
        if chosen:
            by_name = {"type": "function", "function": {"name": chosen}}
            body["tool_choice"] = by_name if self.tool_by_name else "required"
        if options.HasField("parallel_tool_calls"):
            body["parallel_tool_calls"] = options.parallel_tool_calls
        return body


def _message(message: pb.Message) -> dict[str, Any]:
    written: dict[str, Any] = {"role": _ROLES[message.role], "content": _content(message)}
    if message.name:
        written["name"] = message.name
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        written["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    return written


def _content(message: pb.Message) -> str | list[dict[str, Any]]:
    """Text parts are joined by a line feed, as llama.cpp and vLLM do themselves; SGLang would take a space."""
    if any(part.HasField("image") for part in message.parts):
        return [_part(part) for part in message.parts]
    return "\n".join(part.text for part in message.parts)


def _part(part: pb.ContentPart) -> dict[str, Any]:
    if not part.HasField("image"):
        return {"type": "text", "text": part.text}
    image = part.image
    url = image.uri or f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url, **({"detail": image.detail} if image.detail else {})}}


def _tool_call(call: pb.ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _tool(tool: pb.Tool, index: int) -> dict[str, Any]:
    where = f"options.tools[{index}].parameters_json_schema"
    parameters = json_schema(tool.parameters_json_schema, where) if tool.parameters_json_schema else {"type": "object"}
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": parameters,
        "strict": tool.strict,
    }
    return {"type": "function", "function": function}
