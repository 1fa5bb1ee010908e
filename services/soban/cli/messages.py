"""Conversations as JSON: `[{"role": "user", "content": "안녕"}]`, or `soban.v1.Message` in proto3's JSON mapping."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import ParseDict, ParseError

import soban.v1 as pb

_ROLES = {"system": pb.ROLE_SYSTEM, "user": pb.ROLE_USER, "assistant": pb.ROLE_ASSISTANT, "tool": pb.ROLE_TOOL}


class InvalidMessages(ValueError):  # noqa: N818 - named by what went wrong
    """The text names the place, such as `messages[2].role`."""


def text_message(role: pb.Role.ValueType, text: str) -> pb.Message:
    """A message of one text part."""
    return pb.Message(role=role, parts=[pb.ContentPart(text=text)])


def text_of(message: pb.Message) -> str:
    """The text parts of a message, joined."""
    return "".join(part.text for part in message.parts)


def messages_of(data: Any) -> tuple[pb.Message, ...]:
    """The messages of a JSON list. Raises InvalidMessages."""
    if not isinstance(data, list) or not data:
        raise InvalidMessages("messages: must be a list with at least one message")
    return tuple(_message_of(entry, f"messages[{number}]") for number, entry in enumerate(data))


def _message_of(entry: Any, place: str) -> pb.Message:
    if not isinstance(entry, dict):
        raise InvalidMessages(f"{place}: must be an object with role and content")
    if "content" not in entry:
        return _from_mapping(entry, place)
    role, content = entry.get("role"), entry["content"]
    if role not in _ROLES:
        raise InvalidMessages(f"{place}.role: must be one of {', '.join(_ROLES)}")
    if not isinstance(content, str):
        raise InvalidMessages(f"{place}.content: must be a string; write pictures and tool calls as parts")
    try:
        return text_message(_ROLES[role], content)
    except ValueError as err:
        raise InvalidMessages(f"{place}.content: holds a lone surrogate, which is no Unicode text") from err


def _from_mapping(entry: dict[str, Any], place: str) -> pb.Message:
    try:
        return ParseDict(entry, pb.Message())
    except (ParseError, ValueError, RecursionError) as err:
        raise InvalidMessages(f"{place}: {str(err)[:200]}") from err
