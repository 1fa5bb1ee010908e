"""Where a field of ChatRequest stands in the JSON body: for `param` of OpenAI's error objects."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from soban.gateway.field_paths import renamed
from soban.gateway.openai.fields import Fields
from soban.runtime.errors import SobanError

# The first pattern that fits wins; what fits none keeps its path.
_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^options\.response_format\.json_schema", "response_format.json_schema.schema"),
        (r"^options\.response_format\.(regex|grammar)", r"soban.\1"),
        (r"^options\.tools\[(\d+)\]\.parameters_json_schema", r"tools[\1].function.parameters"),
        (r"^options\.tools\[(\d+)\]\.(\w+)", r"tools[\1].function.\2"),
        (r"^options\.tool_choice\.name", "tool_choice.function.name"),
        (r"^options\.template_arguments_json", "soban.template_arguments"),
        (r"^options\.(normalize|continue_final_message)$", r"soban.\1"),
        (r"^options\.", ""),
        (r"^(messages\[\d+\])\.tool_calls\[(\d+)\]\.(name|arguments)", r"\1.tool_calls[\2].function.\3"),
        (r"^(messages\[\d+\])\.parts\[(\d+)\]\.image\.\w+", r"\1.content[\2].image_url.url"),
        (r"^(messages\[\d+\])\.parts\[(\d+)\]", r"\1.content[\2]"),
        (r"^labels", "metadata"),
        (r"^(safety_policy|offset_unit|restore_personal_data)", r"soban.\1"),
        (r"^session", "prompt_cache_key"),
        (r"^priority", "service_tier"),
    )
)
_FIRST_PART = re.compile(r"^messages\[(\d+)\]\.content\[0\](\.text)?$")


@contextlib.contextmanager
def params_of(body: Fields) -> Iterator[None]:
    """Renames the fields of errors raised inside, so that they name what the client wrote."""
    try:
        yield
    except SobanError as err:
        raise renamed(err, lambda path: param_of(path, body)) from err


def param_of(path: str, body: Fields) -> str:
    """`messages[1].parts[0].text` is `messages[1].content` where that was written as a string."""
    for pattern, replacement in _RULES:
        if pattern.search(path):
            path = pattern.sub(replacement, path)
            break
    if path == "max_tokens" and body.raw("max_completion_tokens") is not None:
        return "max_completion_tokens"
    if path == "user" and body.raw("safety_identifier"):
        return "safety_identifier"
    if (found := _FIRST_PART.match(path)) and not isinstance(_content(body, int(found[1])), list):
        return f"messages[{found[1]}].content"
    if path == "stop[0]" and isinstance(body.raw("stop"), str):
        return "stop"
    return path


def _content(body: Fields, index: int) -> Any:
    messages = body.raw("messages")
    return messages[index].get("content") if messages and index < len(messages) else None
