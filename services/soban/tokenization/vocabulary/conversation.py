"""A conversation of the contract as chat templates expect it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import soban.v1 as pb
from soban.runtime.errors import InvalidField
from soban.tokenization.normalization import nfc

_ROLES = {pb.ROLE_SYSTEM: "system", pb.ROLE_USER: "user", pb.ROLE_ASSISTANT: "assistant", pb.ROLE_TOOL: "tool"}


def messages_of(messages: Sequence[pb.Message], system_prompt: str | None, *, normalize: bool) -> list[dict[str, Any]]:
    """Messages as engines are sent them.

    Text parts are joined by a line feed, as llama.cpp does; `system_prompt` goes before messages that have none;
    `normalize` brings texts into NFC.
    """
    given = [_message(message, normalize=normalize) for message in messages]
    if system_prompt and given and given[0]["role"] != "system":
        return [{"role": "system", "content": system_prompt}, *given]
    return given


def tools_of(tools: Iterable[pb.Tool]) -> list[dict[str, Any]]:
    """Tools in the form of the OpenAI API. Raises InvalidField where parameters are no JSON object."""
    return [_tool(tool, number) for number, tool in enumerate(tools)]


def json_object(text: str, field: str) -> dict[str, Any]:
    """Raises InvalidField."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise InvalidField("must be JSON text", field=field) from err
    if not isinstance(value, dict):
        raise InvalidField("must be a JSON object", field=field)
    return value


def _message(message: pb.Message, *, normalize: bool) -> dict[str, Any]:
    texts = (nfc(part.text) if normalize else part.text for part in message.parts)
    written: dict[str, Any] = {"role": _ROLES[message.role], "content": "\n".join(texts)}
    if message.name:
        written["name"] = message.name
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        written["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    return written


def _tool_call(call: pb.ToolCall) -> dict[str, Any]:
    """Templates read arguments as an object; a model may have written something else, which stays text."""
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        arguments = call.arguments
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _tool(tool: pb.Tool, number: int) -> dict[str, Any]:
    field = f"tools[{number}].parameters_json_schema"
    parameters = json_object(tool.parameters_json_schema, field) if tool.parameters_json_schema else {"type": "object"}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}
