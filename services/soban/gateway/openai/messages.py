"""Messages of a chat as OpenAI's clients write them, as messages of the contract."""

from __future__ import annotations

import soban.v1 as pb
from soban.gateway.openai.fields import Fields
from soban.gateway.validation import MOST_MESSAGES, MOST_PARTS, MOST_TOOL_CALLS
from soban.runtime.errors import InvalidField

_ROLES = {
    "system": pb.ROLE_SYSTEM,
    "developer": pb.ROLE_SYSTEM,
    "user": pb.ROLE_USER,
    "assistant": pb.ROLE_ASSISTANT,
    "tool": pb.ROLE_TOOL,
}


def read_messages(body: Fields) -> list[pb.Message]:
    """`messages`. Raises InvalidField with the path in the JSON body."""
    found = [_message(fields) for fields in body.objects("messages", MOST_MESSAGES)]
    if not found:
        raise InvalidField("'messages' must be a list of at least one message", field="messages")
    return found


def _message(fields: Fields) -> pb.Message:
    role = fields.choice("role", tuple(_ROLES))
    if role is None:
        raise InvalidField(f"'{fields.at('role')}' is required", field=fields.at("role"))
    message = pb.Message(
        role=_ROLES[role],
        parts=_parts(fields),
        name=fields.text("name") or "",
        tool_call_id=fields.text("tool_call_id") or "",
        tool_calls=[_tool_call(call) for call in fields.objects("tool_calls", MOST_TOOL_CALLS)],
    )
    fields.unsupported("audio")
    fields.unsupported("function_call")
    # What our own answers hold, and a client sends back as it got it.
    fields.ignore("refusal", "annotations", "reasoning_content", "reasoning")
    fields.refuse_unread()
    return message


def _parts(fields: Fields) -> list[pb.ContentPart]:
    """`content`: a string, or a list of parts; absent or null for an assistant's message that only calls tools."""
    content = fields.raw("content")
    if content is None:
        return []
    if isinstance(content, str):
        return [pb.ContentPart(text=content)]
    if not isinstance(content, list):
        path = fields.at("content")
        raise InvalidField(f"'{path}' must be a string or a list of parts", field=path)
    return [_part(part) for part in fields.objects("content", MOST_PARTS)]


def _part(fields: Fields) -> pb.ContentPart:
    kind = fields.required_text("type")
    if kind in ("text", "refusal"):
        part = pb.ContentPart(text=fields.required_text(kind))
    elif kind == "image_url":
        part = pb.ContentPart(image=_image(fields))
    else:
        raise InvalidField("only parts of type text and image_url are supported", field=fields.at("type"))
    fields.ignore("cache_control", "prompt_cache_breakpoint")
    fields.refuse_unread()
    return part


def _image(fields: Fields) -> pb.Image:
    image = fields.object("image_url")
    if image is None:
        raise InvalidField(f"'{fields.at('image_url')}' is required", field=fields.at("image_url"))
    read = pb.Image(uri=image.required_text("url"), detail=image.text("detail") or "")
    image.refuse_unread()
    return read


def _tool_call(fields: Fields) -> pb.ToolCall:
    fields.choice("type", ("function",))
    function = fields.object("function")
    if function is None:
        raise InvalidField(f"'{fields.at('function')}' is required", field=fields.at("function"))
    call = pb.ToolCall(
        id=fields.required_text("id"),
        name=function.required_text("name"),
        arguments=function.required_text("arguments"),
    )
    fields.ignore("index")
    function.refuse_unread()
    fields.refuse_unread()
    return call
