"""One chat as the requests that the gateway makes of it."""

from __future__ import annotations

import soban.v1 as pb
from soban.gateway.callers import Callers
from soban.gateway.pseudonyms import Pseudonyms
from soban.gateway.requests import to_check, to_generate

CALLERS = Callers("team", Pseudonyms("소금"))
ALLOWED = pb.CheckResponse(verdict=pb.Verdict(action=pb.ACTION_ALLOW))


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
    asked = to_generate(chat, checked, CALLERS)
    assert list(asked.options.tools) == [masked]
    assert asked.options.max_tokens == 9


def test_what_is_allowed_reaches_the_model_as_it_is() -> None:
    """Messages, tools and options."""
    chat = chat_with_tool("날씨를 알려 준다")
    asked = to_generate(chat, ALLOWED, CALLERS)
    assert list(asked.messages) == list(chat.messages)
    assert asked.options == chat.options


def test_the_label_that_the_operator_chose_names_the_tenant() -> None:
    """Any other says nothing."""
    chat = chat_with_tool("")
    chat.labels.update({"team": "support", "org": "x"})
    assert to_generate(chat, ALLOWED, CALLERS).tenant == "support"
    assert to_generate(chat, ALLOWED, Callers("missing", Pseudonyms(""))).tenant == ""
    chat.labels[""] = "x"
    assert to_generate(chat, ALLOWED, Callers("", Pseudonyms(""))).tenant == ""


def test_a_user_without_a_session_has_one_that_does_not_name_them() -> None:
    """The same in every gateway that has the same salt."""
    chat = chat_with_tool("")
    assert to_generate(chat, ALLOWED, CALLERS).session == ""
    chat.user = "hong@example.com"
    session = to_generate(chat, ALLOWED, CALLERS).session
    assert len(session) == 16
    assert session == to_generate(chat, ALLOWED, Callers("", Pseudonyms("소금"))).session
    assert session != to_generate(chat, ALLOWED, Callers("", Pseudonyms("설탕"))).session
    chat.session = "s-1"
    assert to_generate(chat, ALLOWED, CALLERS).session == "s-1"
