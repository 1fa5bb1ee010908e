"""Options of a generation as OpenAI's clients write them."""

from __future__ import annotations

import soban.v1 as pb
from soban.gateway.openai.fields import Fields, as_number
from soban.gateway.validation import MOST_BIASES, MOST_STOPS, MOST_TOOLS
from soban.runtime.errors import InvalidField

_FLOATS = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "min_p", "repetition_penalty")
_INTEGERS = ("n", "top_k")
_TOOL_MODES = {
    "auto": pb.ToolChoice.MODE_AUTO,
    "none": pb.ToolChoice.MODE_NONE,
    "required": pb.ToolChoice.MODE_REQUIRED,
}


def read_sampling(body: Fields, options: pb.GenerationOptions) -> None:
    """What chats and completions share. min_p, top_k, repetition_penalty and ignore_eos go by the names that vLLM,
    SGLang and llama.cpp gave them.
    """
    for name in _FLOATS:
        _set(options, name, body.number(name))
    for name in _INTEGERS:
        _set(options, name, body.integer(name))
    _set(options, "max_tokens", body.integer("max_tokens"))
    _set(options, "seed", body.long("seed"))
    _set(options, "ignore_eos", body.boolean("ignore_eos"))
    options.stop.extend(_stop(body))
    for token, bias in _logit_bias(body).items():
        options.logit_bias[token] = bias


def read_chat_options(body: Fields, options: pb.GenerationOptions) -> None:
    """What only chats have."""
    _set(options, "max_tokens", body.integer("max_completion_tokens"))
    _set(options, "logprobs", body.boolean("logprobs"))
    _set(options, "top_logprobs", body.integer("top_logprobs"))
    _set(options, "parallel_tool_calls", body.boolean("parallel_tool_calls"))
    options.tools.extend(_tool(tool) for tool in body.objects("tools", MOST_TOOLS))
    _read_tool_choice(body, options)
    _read_response_format(body, options)


def _set(options: pb.GenerationOptions, name: str, value: float | bool | None) -> None:
    if value is not None:
        setattr(options, name, value)


def _stop(body: Fields) -> list[str]:
    stop = body.raw("stop")
    if stop is None or isinstance(stop, str):
        return [] if stop is None else [stop]
    if isinstance(stop, list):
        return body.strings("stop", MOST_STOPS)
    raise InvalidField("'stop' must be a string or a list of strings", field="stop")


def _logit_bias(body: Fields) -> dict[int, float]:
    biases = {}
    for token, bias in body.members("logit_bias", MOST_BIASES).items():
        if not (token.isascii() and token.isdecimal() and len(token) < 10):
            raise InvalidField("keys of 'logit_bias' must be token ids", field="logit_bias")
        biases[int(token)] = as_number(bias, f"logit_bias.{token}")
    return biases


def _tool(fields: Fields) -> pb.Tool:
    fields.choice("type", ("function",))
    function = fields.object("function")
    if function is None:
        raise InvalidField(f"'{fields.at('function')}' is required", field=fields.at("function"))
    schema = function.object("parameters")
    tool = pb.Tool(
        name=function.required_text("name"),
        description=function.text("description") or "",
        parameters_json_schema="" if schema is None else schema.json(),
        strict=function.boolean("strict") or False,
    )
    function.refuse_unread()
    fields.refuse_unread()
    return tool


def _read_tool_choice(body: Fields, options: pb.GenerationOptions) -> None:
    given = body.raw("tool_choice")
    if given is None:
        return
    if isinstance(given, dict):
        choice = Fields(given, "tool_choice")
        choice.choice("type", ("function",))
        function = choice.object("function")
        if function is None:
            raise InvalidField("only a choice of one function is supported", field="tool_choice")
        options.tool_choice.name = function.required_text("name")
        return
    if not isinstance(given, str) or given not in _TOOL_MODES:
        known = ", ".join(_TOOL_MODES)
        raise InvalidField(f"'tool_choice' must be an object, or one of {known}", field="tool_choice")
    options.tool_choice.mode = _TOOL_MODES[given]


def _read_response_format(body: Fields, options: pb.GenerationOptions) -> None:
    form = body.object("response_format")
    if form is None:
        return
    kind = form.choice("type", ("text", "json_object", "json_schema"))
    if kind is None:
        raise InvalidField("'response_format.type' is required", field="response_format.type")
    if kind == "text":
        options.response_format.text.SetInParent()
    elif kind == "json_object":
        options.response_format.json_object.SetInParent()
    else:
        options.response_format.json_schema = _json_schema(form)
    form.refuse_unread()


def _json_schema(form: Fields) -> str:
    named = form.object("json_schema")
    schema = None if named is None else named.object("schema")
    if named is None or schema is None:
        raise InvalidField(
            "'response_format.json_schema.schema' is required", field="response_format.json_schema.schema"
        )
    named.ignore("name", "description", "strict")
    named.refuse_unread()
    return schema.json()
