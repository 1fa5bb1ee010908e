"""A conversation of the contract as chat templates expect it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import normalize

import soban.v1 as pb
from soban.runtime.errors import InvalidField
from soban.runtime.markers import Markers

_ROLES = {pb.ROLE_SYSTEM: "system", pb.ROLE_USER: "user", pb.ROLE_ASSISTANT: "assistant", pb.ROLE_TOOL: "tool"}


class Writer:
    """Writes conversations as engines are sent them: texts in NFC if wanted, control tokens in them broken."""

    def __init__(self, markers: Markers, *, normalize: bool) -> None:
        self._broken = markers.broken
        self._normalize = normalize

    def messages(self, messages: Sequence[pb.Message], system_prompt: str | None) -> list[dict[str, Any]]:
        """Text parts are joined by a line feed, as llama.cpp does; `system_prompt` goes before messages without one."""
        written = [self._message(message) for message in messages]
        if system_prompt and written and written[0]["role"] != "system":
            return [{"role": "system", "content": self._text(system_prompt)}, *written]
        return written

    def tools(self, tools: Iterable[pb.Tool]) -> list[dict[str, Any]]:
        """Tools in the form of the OpenAI API. Raises InvalidField where parameters are no JSON object."""
        return [self._tool(tool, number) for number, tool in enumerate(tools)]

    def _text(self, text: str) -> str:
        return self._broken(normalize("NFC", text) if self._normalize else text)

    def _message(self, message: pb.Message) -> dict[str, Any]:
        content = "\n".join(self._text(part.text) for part in message.parts)
        written: dict[str, Any] = {"role": _ROLES[message.role], "content": content}
        if message.name:
            written["name"] = self._broken(message.name)
        if message.tool_call_id:
            written["tool_call_id"] = self._broken(message.tool_call_id)
        if message.tool_calls:
            written["tool_calls"] = [self._tool_call(call) for call in message.tool_calls]
        return written

    def _tool_call(self, call: pb.ToolCall) -> dict[str, Any]:
        """Templates read arguments as an object; a model may have written something else, which stays text."""
        written = self._broken(call.arguments)
        try:
            arguments = json.loads(written)
        except (ValueError, RecursionError):
            arguments = written
        function = {"name": self._broken(call.name), "arguments": arguments}
        return {"id": self._broken(call.id), "type": "function", "function": function}

    def _tool(self, tool: pb.Tool, number: int) -> dict[str, Any]:
        field = f"tools[{number}].parameters_json_schema"
        given = tool.parameters_json_schema
        parameters = json_object(given, field) if given else {"type": "object"}
        function = {"name": tool.name, "description": self._broken(tool.description), "parameters": parameters}
        return {"type": "function", "function": function}


def json_object(text: str, field: str) -> dict[str, Any]:
    """Raises InvalidField."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise InvalidField("must be JSON text", field=field) from err
    if not isinstance(value, dict):
        raise InvalidField("must be a JSON object", field=field)
    return value
