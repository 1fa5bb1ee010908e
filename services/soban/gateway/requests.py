"""One chat request as the three requests that the gateway makes of it."""

from __future__ import annotations

import soban.v1 as pb
from soban.gateway.callers import Callers


def to_check(chat: pb.ChatRequest, policy: str) -> pb.CheckRequest:
    """The input, to be judged."""
    check = pb.CheckRequest(
        policy=policy,
        direction=pb.DIRECTION_INPUT,
        offset_unit=chat.offset_unit,
        user=chat.user,
        tools=chat.options.tools,
        keep_values=chat.restore_personal_data,
    )
    if chat.messages:
        check.messages.extend(chat.messages)
    else:
        check.text = chat.prompt
    return check


def to_generate(chat: pb.ChatRequest, checked: pb.CheckResponse, callers: Callers) -> pb.GenerateRequest:
    """What the model is asked: the input, masked where the policy says so."""
    masked = checked.verdict.action == pb.ACTION_MASK
    generate = pb.GenerateRequest(
        model=chat.model,
        options=chat.options,
        session=callers.session(chat),
        priority=chat.priority,
        tenant=callers.tenant(chat),
    )
    if chat.messages:
        generate.messages.extend(checked.masked_messages if masked else chat.messages)
    else:
        generate.prompt = checked.masked_text if masked else chat.prompt
    if masked and chat.options.tools:
        del generate.options.tools[:]
        generate.options.tools.extend(checked.masked_tools)
    return generate


def to_filter(chat: pb.ChatRequest, policy: str, asked: pb.GenerateRequest, vault: str) -> pb.FilterRequest:
    """How the output is filtered: by the same policy, knowing what the model was asked."""
    config = pb.FilterConfig(
        policy=policy,
        direction=pb.DIRECTION_OUTPUT,
        offset_unit=chat.offset_unit,
        user=chat.user,
        vault=vault,
        messages=asked.messages,
    )
    return pb.FilterRequest(config=config)


def input_eojeol(chat: pb.ChatRequest) -> int:
    """Space-separated units in the texts as the client sent them."""
    if not chat.messages:
        return len(chat.prompt.split())
    return sum(len(part.text.split()) for message in chat.messages for part in message.parts)
