"""Bodies of /v1/chat/completions and /v1/completions as one kind of request: `soban.v1.ChatRequest`."""

from __future__ import annotations

from typing import NamedTuple

import soban.v1 as pb
from soban.gateway.openai.fields import Fields, as_text
from soban.gateway.openai.messages import read_messages
from soban.gateway.openai.options import read_chat_options, read_sampling
from soban.gateway.validation import MOST_LABELS
from soban.runtime.errors import InvalidField

# Accepted and without effect on an answer of ours: bookkeeping of OpenAI's platform.
_IGNORED = ("store", "prompt_cache_retention", "prompt_cache_options")

_PRIORITIES = {
    "auto": pb.PRIORITY_UNSPECIFIED,
    "default": pb.PRIORITY_NORMAL,
    "flex": pb.PRIORITY_LOW,
    "priority": pb.PRIORITY_HIGH,
}
_OFFSET_UNITS = {
    "code_point": pb.OFFSET_UNIT_CODE_POINT,
    "utf8_byte": pb.OFFSET_UNIT_UTF8_BYTE,
    "utf16_unit": pb.OFFSET_UNIT_UTF16_UNIT,
}


class Asked(NamedTuple):
    """A request and how its answer shall be written."""

    chat: pb.ChatRequest
    stream: bool
    include_usage: bool


def read_chat(body: Fields) -> Asked:
    """The body of /v1/chat/completions. Raises InvalidField with the path in the JSON body."""
    chat = _read_common(body)
    chat.messages.extend(read_messages(body))
    read_chat_options(body, chat.options)
    for name in ("audio", "functions", "function_call", "prediction", "reasoning_effort", "verbosity"):
        body.unsupported(name)
    body.unsupported("web_search_options")
    body.unsupported("moderation")
    body.unsupported("modalities", ["text"])
    return _asked(body, chat)


def read_completion(body: Fields) -> Asked:
    """The body of /v1/completions. Raises InvalidField with the path in the JSON body."""
    chat = _read_common(body)
    chat.prompt = _prompt(body)
    alternatives = body.integer("logprobs")
    if alternatives is not None:
        chat.options.logprobs = True
        chat.options.top_logprobs = alternatives
    body.unsupported("echo", False)
    body.unsupported("best_of", 1)
    body.unsupported("suffix", "")
    return _asked(body, chat)


def _read_common(body: Fields) -> pb.ChatRequest:
    chat = pb.ChatRequest(
        model=body.required_text("model"),
        user=body.text("safety_identifier") or body.text("user") or "",
        session=body.text("prompt_cache_key") or "",
        labels=_labels(body),
        priority=_PRIORITIES[body.choice("service_tier", tuple(_PRIORITIES)) or "auto"],
    )
    read_sampling(body, chat.options)
    extension = body.object("soban")
    if extension is not None:
        _read_extension(extension, chat)
    body.ignore("user", *_IGNORED)
    return chat


def _asked(body: Fields, chat: pb.ChatRequest) -> Asked:
    stream = body.boolean("stream") or False
    stream_options = body.object("stream_options")
    include_usage = False
    if stream_options is not None:
        include_usage = stream_options.boolean("include_usage") or False
        stream_options.ignore("include_obfuscation", "continuous_usage_stats")
        stream_options.refuse_unread()
    body.refuse_unread()
    return Asked(chat, stream, include_usage)


def _labels(body: Fields) -> dict[str, str]:
    given = body.members("metadata", MOST_LABELS)
    return {name: as_text(value, f"metadata.{name}") for name, value in given.items()}


def _prompt(body: Fields) -> str:
    given = body.raw("prompt")
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if isinstance(given, str) and given:
        return given
    raise InvalidField("'prompt' must be one text that is not empty; token ids are not supported", field="prompt")


def _read_extension(fields: Fields, chat: pb.ChatRequest) -> None:
    """`soban`: what OpenAI's API has no word for."""
    chat.safety_policy = fields.text("safety_policy") or ""
    chat.session = fields.text("session") or chat.session
    chat.restore_personal_data = fields.boolean("restore_personal_data") or False
    unit = fields.choice("offset_unit", tuple(_OFFSET_UNITS))
    if unit is not None:
        chat.offset_unit = _OFFSET_UNITS[unit]
    normalize = fields.boolean("normalize")
    if normalize is not None:
        chat.options.normalize = normalize
    chat.options.continue_final_message = fields.boolean("continue_final_message") or False
    _read_shape(fields, chat.options)
    fields.refuse_unread()


def _read_shape(fields: Fields, options: pb.GenerationOptions) -> None:
    for name in ("regex", "grammar"):
        shape = fields.text(name)
        if shape is not None:
            setattr(options.response_format, name, shape)
    arguments = fields.object("template_arguments")
    if arguments is not None:
        options.template_arguments_json = arguments.json()
