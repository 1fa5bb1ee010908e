"""Arguments for the chat template: switches of the model, never a way around the messages that were checked.

llama.cpp lays them over the template's own inputs, so that `{"messages": [...]}` would replace the whole chat.
"""

from __future__ import annotations

import json
import math
import re

from soban.runtime.errors import InvalidField

MOST_ARGUMENTS = 32
MOST_BYTES = 4096

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,32}")
# What templates read beside arguments: the inputs and functions of llama.cpp's common/chat.cpp and common/jinja, and of
# `apply_chat_template` in transformers; the texts that templates of well-known families take from outside.
# fmt: off
_RESERVED = frozenset((
    "messages", "tools", "documents", "functions", "json_schema", "response_format", "add_generation_prompt",
    "continue_final_message", "chat_template", "bos_token", "eos_token", "unk_token", "pad_token",
    "sep_token", "cls_token", "mask_token", "additional_special_tokens", "custom_tools", "builtin_tools",
    "xml_tools", "python_tools", "tools_in_user_message", "system", "system_prompt", "system_message",
    "default_system_message", "model_identity", "conversation", "date_string", "datetime", "strftime_now",
    "raise_exception", "namespace", "range", "loop", "self", "dict", "joiner", "cycler", "lipsum",
))
# fmt: on


def template_arguments(text: str, field: str) -> dict[str, bool | int | float | str | None]:
    """The arguments by name; `field` is where they stand in the request. Raises InvalidField.

    Values are booleans, numbers, null and short words: text that nobody has checked does not reach the model.
    """
    if len(text) > MOST_BYTES:
        raise InvalidField(f"must have at most {MOST_BYTES:,} characters", field=field)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidField("must be JSON text", field=field) from None
    if not isinstance(found, dict) or len(found) > MOST_ARGUMENTS:
        raise InvalidField(f"must be a JSON object of at most {MOST_ARGUMENTS} members", field=field)
    for name, value in found.items():
        if not _NAME.fullmatch(name) or name in _RESERVED or name.startswith("__"):
            raise InvalidField("a name is reserved or no identifier", field=field)
        if not _harmless(value):
            raise InvalidField(
                "values are booleans, numbers, null, or words of up to 32 of A-Z a-z 0-9 _ . -", field=field
            )
    return found


def _harmless(value: object) -> bool:
    if isinstance(value, str):
        return _WORD.fullmatch(value) is not None
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, int)
