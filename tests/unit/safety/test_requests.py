"""What is refused, with the path of the field."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

import soban.v1 as pb
from soban.runtime.errors import InvalidField, NotBuilt, SobanError, TextTooLong
from soban.safety.check import Checker
from soban.safety.decisions import Direction
from soban.safety.passages import masked_messages, masked_tools, passages_of
from soban.safety.policy import Policies
from soban.safety.requests import TextLimit, categories_of, read_check, read_mask, refuse_unbuilt
from soban.safety.scanner import Scanner

LIMIT = TextLimit(100)


def message(*texts: str, **more: object) -> pb.Message:
    return pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=text) for text in texts], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "kind", "field"),
    [
        (pb.CheckRequest(), InvalidField, "text"),
        (pb.CheckRequest(text="안녕", messages=[message("안녕")]), InvalidField, "text"),
        (pb.CheckRequest(text="가" * 34), TextTooLong, "text"),
        (pb.CheckRequest(messages=[message("가"), message("나", "다" * 34)]), TextTooLong, "messages[1].parts[1].text"),
        (pb.CheckRequest(messages=[message(name="a" * 101)]), TextTooLong, "messages[0].name"),
        (pb.CheckRequest(text="가", tools=[pb.Tool(description="a" * 101)]), TextTooLong, "tools[0].description"),
        (pb.CheckRequest(text="가", direction=7), InvalidField, "direction"),  # type: ignore[arg-type]
        (pb.CheckRequest(text="가", offset_unit=9), InvalidField, "offset_unit"),  # type: ignore[arg-type]
        (pb.CheckRequest(text="가", keep_values=True), NotBuilt, None),
    ],
)
def test_check_requests(request_: pb.CheckRequest, kind: type[SobanError], field: str | None) -> None:
    """Neither or both of text and messages, too long, unknown numbers, not built."""
    with pytest.raises(kind) as error:
        read_check(request_, LIMIT)
    assert error.value.field == field


@pytest.mark.parametrize(
    ("request_", "kind", "field"),
    [
        (pb.MaskRequest(), InvalidField, "texts"),
        (pb.MaskRequest(texts=["가"] * 1_025), InvalidField, "texts"),
        (pb.MaskRequest(texts=["가", "나" * 34]), TextTooLong, "texts[1]"),
        (pb.MaskRequest(texts=["가"], categories=["pii", "pii.fone"]), InvalidField, "categories[1]"),
        (pb.MaskRequest(texts=["가"], keep_values=True), NotBuilt, None),
    ],
)
def test_mask_requests(request_: pb.MaskRequest, kind: type[SobanError], field: str | None) -> None:
    """None or too many texts, too long, unknown categories, not built."""
    with pytest.raises(kind) as error:
        read_mask(request_, LIMIT)
    assert error.value.field == field


def test_the_limit_counts_bytes() -> None:
    """33 syllables are 99 bytes."""
    LIMIT.check("가" * 33, "text")
    LIMIT.check("a" * 100, "text")
    with pytest.raises(TextTooLong):
        LIMIT.check("가" * 33 + "ab", "text")


def test_heads_cover_their_leaves() -> None:
    """`pii` is all personal data."""
    assert categories_of(["pii"]) == {
        "pii.resident_number",
        "pii.foreigner_number",
        "pii.phone",
        "pii.email",
        "pii.card",
    }
    assert categories_of([]) == frozenset()


def test_every_text_of_a_conversation_is_judged_and_put_back(scanner: Scanner, policies: Policies) -> None:
    """Parts, names and tool calls' arguments, in their places; pictures and ids stay."""
    picture = pb.ContentPart(image=pb.Image(uri="https://example.com/a.png"))
    call = pb.ToolCall(id="1", name="send", arguments='{"to":"lee@example.com"}')
    sent = pb.Message(
        role=pb.ROLE_ASSISTANT,
        parts=[picture, pb.ContentPart(text="010-1234-5678")],
        name="lee@example.com",
        tool_calls=[call],
    )
    request = pb.CheckRequest(
        messages=[message("안녕"), sent], tools=[pb.Tool(name="send", description="예: 010-1234-5678", strict=True)]
    )
    passages = passages_of(request, Direction.INPUT)
    assert [(passage.message, passage.part, passage.place) for passage in passages] == [
        (0, 0, "text"),
        (1, 1, "text"),
        (1, 0, "name"),
        (1, 0, "tool_calls[0].arguments"),
        (0, 0, "tools[0].description"),
    ]
    judged = Checker(scanner).check(passages, policies.get("", "policy"), Direction.INPUT, len, explain=False)
    first, second = masked_messages(request.messages, judged)
    assert first == request.messages[0]
    assert second.parts[0] == picture
    assert second.parts[1].text == "[전화번호_1]"
    assert second.name == "[이메일_1]"
    assert second.tool_calls[0] == pb.ToolCall(id="1", name="send", arguments='{"to":"[이메일_1]"}')
    assert request.messages[1] == sent
    (tool,) = masked_tools(request.tools, judged)
    assert tool == pb.Tool(name="send", description="예: [전화번호_1]", strict=True)


@pytest.mark.parametrize(
    ("request_", "feature"),
    [
        (pb.CheckRequest(text="가", tenant="a"), "tenant"),
        (pb.MaskRequest(texts=["가"], tenant="a"), "tenant"),
        (pb.FilterConfig(tenant="a"), "tenant"),
        (pb.ListPoliciesRequest(tenant="a"), "tenant"),
        (pb.GetPolicyRequest(tenant="a"), "tenant"),
    ],
)
def test_fields_that_would_do_nothing_are_refused(request_: Message, feature: str) -> None:
    """With their names, as nobody may believe that they count."""
    with pytest.raises(NotBuilt) as error:
        refuse_unbuilt(request_)
    assert error.value.metadata == {"feature": feature}
