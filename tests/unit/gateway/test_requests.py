"""One chat as the requests that the gateway makes of it."""

from __future__ import annotations

import soban.v1 as pb
from soban.gateway.requests import to_check, to_generate


def chat_with_tool(description: str) -> pb.ChatRequest:
    tool = pb.Tool(name="call", description=description)
    message = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text="전화해 주세요.")])
    return pb.ChatRequest(model="m", messages=[message], options=pb.GenerationOptions(tools=[tool], max_tokens=9))


def test_tools_are_judged_and_reach_the_model_masked() -> None:
    """What a tool says of itself is input like any other."""
    chat = chat_with_tool("고객 010-1234-5678에게 전화한다")
    assert list(to_check(chat, "default").tools) == list(chat.options.tools)
    masked = pb.Tool(name="call", description="고객 [전화번호_1]에게 전화한다")
    checked = pb.CheckResponse(
        verdict=pb.Verdict(action=pb.ACTION_MASK), masked_messages=chat.messages, masked_tools=[masked]
    )
    asked = to_generate(chat, checked)
    assert list(asked.options.tools) == [masked]
    assert asked.options.max_tokens == 9


def test_what_is_allowed_reaches_the_model_as_it_is() -> None:
    """Messages, tools and options."""
    chat = chat_with_tool("날씨를 알려 준다")
    asked = to_generate(chat, pb.CheckResponse(verdict=pb.Verdict(action=pb.ACTION_ALLOW)))
    assert list(asked.messages) == list(chat.messages)
    assert asked.options == chat.options
