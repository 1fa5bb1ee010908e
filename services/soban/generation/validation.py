"""What generation refuses before anything is queued, with the path of the field in GenerateRequest."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import soban.v1 as pb
from soban.generation.answer_shapes import validate_shapes
from soban.runtime.errors import InvalidField, TextTooLong
from soban.runtime.messages import validate_message
from soban.runtime.template_arguments import template_arguments

MOST_STOPS, MOST_STOP_CHARACTERS = 16, 256
MOST_CHOICES = 8
MOST_TOP_LOGPROBS = 20
MOST_TOOLS = 128

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INT32 = 2**31 - 1
# Option: lowest and highest value, as common.proto says.
_RANGES: dict[str, tuple[float, float]] = {
    "max_tokens": (1, _INT32),
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "top_k": (0, _INT32),
    "min_p": (0.0, 1.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
    "repetition_penalty": (0.0, math.inf),
    "n": (1, MOST_CHOICES),
    "top_logprobs": (0, MOST_TOP_LOGPROBS),
}
_OVER_LOWEST = ("top_p", "repetition_penalty")


def validate(request: pb.GenerateRequest, max_prompt_bytes: int) -> None:
    """Raises InvalidField and TextTooLong; `max_prompt_bytes` bounds all texts of the request together."""
    if not request.model:
        raise InvalidField("a model is required", field="model")
    if bool(request.messages) == bool(request.prompt):
        both = "only one of messages and prompt may be given" if request.prompt else "messages or prompt is required"
        raise InvalidField(both, field="messages")
    if request.priority not in pb.Priority.values():
        raise InvalidField("no such priority", field="priority")
    for index, message in enumerate(request.messages):
        validate_message(message, f"messages[{index}]")
    validate_ranges(request.options)
    _validate_options(request)
    _validate_sizes(request, max_prompt_bytes)
    validate_shapes(request.options)


def validate_ranges(options: pb.GenerationOptions) -> None:
    """Numbers that may be anything in proto3, NaN included. Raises InvalidField."""
    given = {field.name: value for field, value in options.ListFields() if field.name in _RANGES}
    for name, value in given.items():
        lowest, highest = _RANGES[name]
        over = value > lowest if name in _OVER_LOWEST else value >= lowest
        if not (over and value <= highest and math.isfinite(value)):
            raise InvalidField(_range_text(name, lowest, highest), field=f"options.{name}")
    for token, bias in options.logit_bias.items():
        if token < 0 or not -100 <= bias <= 100:
            raise InvalidField("token ids are not negative, biases from -100 to 100", field="options.logit_bias")


def _range_text(name: str, lowest: float, highest: float) -> str:
    begin = f"must be {'over' if name in _OVER_LOWEST else 'at least'} {lowest:g}"
    return begin if highest in (math.inf, _INT32) else f"{begin} and at most {highest:g}"


def _validate_options(request: pb.GenerateRequest) -> None:
    options = request.options
    _validate_stops(options)
    _validate_tools(options)
    if options.top_logprobs and not options.logprobs:
        raise InvalidField("comes with logprobs only", field="options.top_logprobs")
    last = request.messages[-1].role if request.messages else pb.ROLE_UNSPECIFIED
    if options.continue_final_message and last != pb.ROLE_ASSISTANT:
        raise InvalidField("needs an ASSISTANT message at the end", field="options.continue_final_message")
    for name in ("tools", "template_arguments_json"):
        if getattr(options, name) and not request.messages:
            raise InvalidField("needs messages rather than a prompt", field=f"options.{name}")
    if options.template_arguments_json:
        template_arguments(options.template_arguments_json, "options.template_arguments_json")


def _validate_stops(options: pb.GenerationOptions) -> None:
    if len(options.stop) > MOST_STOPS:
        raise InvalidField(f"at most {MOST_STOPS} stop texts", field="options.stop")
    for index, stop in enumerate(options.stop):
        if not 0 < len(stop) <= MOST_STOP_CHARACTERS:
            raise InvalidField(f"must have 1 to {MOST_STOP_CHARACTERS} characters", field=f"options.stop[{index}]")


def _validate_tools(options: pb.GenerationOptions) -> None:
    if len(options.tools) > MOST_TOOLS:
        raise InvalidField(f"at most {MOST_TOOLS} tools", field="options.tools")
    names: set[str] = set()
    for index, tool in enumerate(options.tools):
        if not _TOOL_NAME.fullmatch(tool.name) or tool.name in names:
            raise InvalidField(
                "must have 1 to 64 letters, digits, '_' or '-', and be there once", field=f"options.tools[{index}].name"
            )
        names.add(tool.name)
    choice = options.tool_choice
    if choice.name and choice.name not in names:
        raise InvalidField("names none of the tools", field="options.tool_choice.name")
    if choice.mode not in pb.ToolChoice.Mode.values() or (choice.mode == pb.ToolChoice.MODE_REQUIRED and not names):
        raise InvalidField("no such mode, or there are no tools to call", field="options.tool_choice.mode")


def _validate_sizes(request: pb.GenerateRequest, most: int) -> None:
    # The encoded request is larger than its texts: most requests need no second look.
    if request.ByteSize() <= most:
        return
    left = most
    for path, text in _texts(request):
        left -= len(text.encode())
        if left < 0:
            raise TextTooLong(f"the texts of a request may have {most:,} bytes of UTF-8 together", field=path)


def _texts(request: pb.GenerateRequest) -> Iterator[tuple[str, str]]:
    """All that the engine reads, with its path."""
    yield "prompt", request.prompt
    for index, message in enumerate(request.messages):
        path = f"messages[{index}]"
        yield from ((f"{path}.parts[{number}].text", part.text) for number, part in enumerate(message.parts))
        for number, call in enumerate(message.tool_calls):
            yield f"{path}.tool_calls[{number}].arguments", call.arguments
    for index, tool in enumerate(request.options.tools):
        yield f"options.tools[{index}].description", tool.description
        yield f"options.tools[{index}].parameters_json_schema", tool.parameters_json_schema
    shape = request.options.response_format
    yield "options.response_format.json_schema", shape.json_schema
    yield "options.response_format.grammar", shape.grammar
    yield "options.template_arguments_json", request.options.template_arguments_json
