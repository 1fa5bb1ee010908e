"""What the gateway itself refuses; what generation and safety refuse comes back with paths of the same request."""

from __future__ import annotations

from collections.abc import Sized

import soban.v1 as pb
from soban.runtime.errors import InvalidField, TextTooLong
from soban.runtime.messages import validate_message

MOST_MESSAGES = 2048
MOST_PARTS = 64
"""Of one message."""
MOST_TOOL_CALLS = 128
"""Of one message."""
MOST_TOOLS = 128
MOST_STOPS = 16
MOST_BIASES = 1024
MOST_LABELS = 16
MOST_LABEL_CHARACTERS = 64
MOST_USER_CHARACTERS = 128
MOST_NAME_CHARACTERS = 256
"""Of names and ids: the model, a session, an author, a tool call."""


class Validator:
    """Refuses with the path of the field in ChatRequest. `max_text_bytes` bounds all texts of a request together."""

    def __init__(self, max_text_bytes: int) -> None:
        self._max_text_bytes = max_text_bytes

    def validate(self, chat: pb.ChatRequest) -> None:
        """Raises InvalidField or TextTooLong."""
        if not chat.model:
            raise InvalidField("a model is required", field="model")
        _validate_name(chat.model, "model")
        _validate_name(chat.session, "session")
        _validate_lengths(chat)
        if bool(chat.messages) == bool(chat.prompt):
            both = "only one of messages and prompt may be given" if chat.prompt else "messages or prompt is required"
            raise InvalidField(both, field="messages")
        for index, message in enumerate(chat.messages):
            _validate_message(message, f"messages[{index}]")
        self._validate_sizes(chat)
        _validate_accounting(chat)
        _validate_enums(chat)

    def _validate_sizes(self, chat: pb.ChatRequest) -> None:
        # The encoded request is larger than its texts: most requests need no second look.
        if chat.ByteSize() <= self._max_text_bytes:
            return
        left = self._max_text_bytes
        for path, text in _texts(chat):
            left -= len(text.encode())
            if left < 0:
                raise TextTooLong(
                    f"the texts of a request may have {self._max_text_bytes:,} bytes of UTF-8 together", field=path
                )


def _validate_lengths(chat: pb.ChatRequest) -> None:
    """Before anything walks the lists: a million empty messages take 2 MB to send, and minutes to look at."""
    options = chat.options
    lists: tuple[tuple[str, Sized, int], ...] = (
        ("messages", chat.messages, MOST_MESSAGES),
        ("labels", chat.labels, MOST_LABELS),
        ("options.tools", options.tools, MOST_TOOLS),
        ("options.stop", options.stop, MOST_STOPS),
        ("options.logit_bias", options.logit_bias, MOST_BIASES),
    )
    for path, elements, most in lists:
        _validate_length(path, elements, most)
    for index, message in enumerate(chat.messages):
        _validate_length(f"messages[{index}].parts", message.parts, MOST_PARTS)
        _validate_length(f"messages[{index}].tool_calls", message.tool_calls, MOST_TOOL_CALLS)


def _validate_length(path: str, elements: Sized, most: int) -> None:
    if len(elements) > most:
        raise InvalidField(f"may have at most {most:,} elements", field=path)


def _validate_name(name: str, path: str) -> None:
    if len(name) > MOST_NAME_CHARACTERS:
        raise InvalidField(f"at most {MOST_NAME_CHARACTERS} characters", field=path)


def _validate_message(message: pb.Message, path: str) -> None:
    _validate_name(message.name, f"{path}.name")
    _validate_name(message.tool_call_id, f"{path}.tool_call_id")
    for index, asked in enumerate(message.tool_calls):
        _validate_name(asked.id, f"{path}.tool_calls[{index}].id")
        _validate_name(asked.name, f"{path}.tool_calls[{index}].name")
    validate_message(message, path)
    for index, part in enumerate(message.parts):
        if part.image.uri and not part.image.uri.startswith(("https:", "data:")):
            raise InvalidField("must begin with https: or data:", field=f"{path}.parts[{index}].image.uri")


def _validate_accounting(chat: pb.ChatRequest) -> None:
    if len(chat.user) > MOST_USER_CHARACTERS:
        raise InvalidField(f"at most {MOST_USER_CHARACTERS} characters", field="user")
    for key, value in chat.labels.items():
        if not 0 < len(key) <= MOST_LABEL_CHARACTERS or len(value) > MOST_LABEL_CHARACTERS:
            raise InvalidField(
                f"keys have 1 and values at most {MOST_LABEL_CHARACTERS} characters", field=f"labels[{key[:64]!r}]"
            )


def _validate_enums(chat: pb.ChatRequest) -> None:
    # proto3 hands on numbers that no value has.
    if chat.priority not in pb.Priority.values():
        raise InvalidField("no such priority", field="priority")
    if chat.offset_unit not in pb.OffsetUnit.values():
        raise InvalidField("no such unit", field="offset_unit")


def _texts(chat: pb.ChatRequest) -> list[tuple[str, str]]:
    """All texts of any length, with their paths."""
    options = chat.options
    shape = options.response_format.WhichOneof("format") or ""
    found = [("prompt", chat.prompt), ("options.template_arguments_json", options.template_arguments_json)]
    if shape in ("json_schema", "regex", "grammar"):
        found.append((f"options.response_format.{shape}", getattr(options.response_format, shape)))
    found.extend((f"options.stop[{number}]", stop) for number, stop in enumerate(options.stop))
    for index, message in enumerate(chat.messages):
        path = f"messages[{index}]"
        found.extend((f"{path}.parts[{number}].text", part.text) for number, part in enumerate(message.parts))
        found.extend(
            (f"{path}.tool_calls[{number}].arguments", asked.arguments)
            for number, asked in enumerate(message.tool_calls)
        )
    for index, tool in enumerate(options.tools):
        found.append((f"options.tools[{index}].description", tool.description))
        found.append((f"options.tools[{index}].parameters_json_schema", tool.parameters_json_schema))
    return found
