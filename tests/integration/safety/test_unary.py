"""Check, CheckBatch, Mask and policies over gRPC."""

from __future__ import annotations

import unicodedata

import grpc
import pytest

import soban.v1 as pb
from integration.safety.conftest import Served
from soban.runtime.errors import (
    InvalidField,
    InvalidMessage,
    NotBuilt,
    PolicyNotFound,
    SobanError,
    TextTooLong,
    from_rpc_error,
)

NFD = unicodedata.normalize("NFD", "안녕하세요")
NUMBER = "제 번호는 010-1234-5678이에요"


async def error_of(call: grpc.aio.UnaryUnaryCall) -> SobanError:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return from_rpc_error(error.value)


async def test_check_masks_a_text(served: Served) -> None:
    """The verdict tells what, where and why; the text comes back with placeholders."""
    answer = await served.stub.Check(pb.CheckRequest(text=NUMBER))
    verdict = answer.verdict
    assert answer.masked_text == "제 번호는 [전화번호_1]이에요"
    assert verdict.action == pb.ACTION_MASK
    assert verdict.direction == pb.DIRECTION_INPUT
    assert verdict.reason == pb.Reason(
        ko="개인정보(전화번호)가 있어 가렸습니다.", en="Personal data (phone number) was masked."
    )
    assert (verdict.policy, len(verdict.policy_version), list(verdict.tiers)) == ("default", 12, [pb.TIER_RULES])
    (finding,) = verdict.findings
    assert (finding.category, finding.span.start, finding.span.end, finding.placeholder) == (
        "pii.phone",
        6,
        19,
        "[전화번호_1]",
    )
    assert (finding.tier, finding.view, finding.place, list(finding.evidence)) == (pb.TIER_RULES, "raw", "text", [])


async def test_check_lets_harmless_text_pass(served: Served) -> None:
    """Without a reason and without a masked form."""
    answer = await served.stub.Check(pb.CheckRequest(text="오늘 날씨가 참 좋네요"))
    assert answer.verdict.action == pb.ACTION_ALLOW
    assert not answer.verdict.reason.ko
    assert not answer.masked_text


async def test_check_blocks_profanity(served: Served) -> None:
    """No masked form comes with it."""
    answer = await served.stub.Check(pb.CheckRequest(text="시발 010-1234-5678", direction=pb.DIRECTION_OUTPUT))
    assert answer.verdict.action == pb.ACTION_BLOCK
    assert answer.verdict.reason.ko == "욕설이 있어 답변을 보내지 않았습니다."
    assert [finding.category for finding in answer.verdict.findings] == ["abuse.profanity", "pii.phone"]
    assert not answer.masked_text


async def test_check_explains(served: Served) -> None:
    """Evidence of what was found, and what was dropped, with the spans of the unit asked for."""
    request = pb.CheckRequest(
        text="😀 주문번호 181024-4886484, 카드 4111-1111-1111-1111",
        explain=True,
        offset_unit=pb.OFFSET_UNIT_UTF16_UNIT,
    )
    verdict = (await served.stub.Check(request)).verdict
    assert "check digit valid" in verdict.findings[0].evidence
    assert [(found.category, found.span.start, found.span.end) for found in verdict.rejected] == [
        ("pii.resident_number", 8, 22)
    ]


async def test_check_masks_a_conversation(served: Served) -> None:
    """Message by message; equal values share a placeholder."""
    messages = [
        pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=NUMBER)]),
        pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text="010 1234 5678이 맞나요?")]),
    ]
    tools = [pb.Tool(name="call", description="번호로 건다"), pb.Tool(name="mail", description="to: lee@example.com")]
    answer = await served.stub.Check(pb.CheckRequest(messages=messages, tools=tools))
    assert [tool.description for tool in answer.masked_tools] == ["번호로 건다", "to: [이메일_1]"]
    assert answer.verdict.findings[-1].place == "tools[1].description"
    assert [message.parts[0].text for message in answer.masked_messages] == [
        "제 번호는 [전화번호_1]이에요",
        "[전화번호_1]이 맞나요?",
    ]
    assert [finding.message_index for finding in answer.verdict.findings[:2]] == [0, 1]


async def test_observe_reports_only(served: Served) -> None:
    """The text is not changed."""
    answer = await served.stub.Check(pb.CheckRequest(text=f"시발 {NUMBER}", policy="observe"))
    assert answer.verdict.action == pb.ACTION_ALLOW
    assert len(answer.verdict.findings) == 2
    assert not answer.masked_text


async def test_a_batch_has_an_answer_or_an_error_for_each(served: Served) -> None:
    """One bad item does not fail the others."""
    requests = [pb.CheckRequest(text=NUMBER), pb.CheckRequest(), pb.CheckRequest(text="안녕", policy="nope")]
    answer = await served.stub.CheckBatch(pb.CheckBatchRequest(requests=requests))
    first, second, third = answer.results
    assert first.response.masked_text == "제 번호는 [전화번호_1]이에요"
    assert (second.error.code, second.error.reason, second.error.field) == (3, "INVALID_FIELD", "text")
    assert (third.error.code, third.error.reason, third.error.field) == (5, "POLICY_NOT_FOUND", "policy")


async def test_mask_gives_the_texts_back(served: Served) -> None:
    """In order, with placeholders that count over all of them."""
    request = pb.MaskRequest(texts=[NUMBER, "", "lee@example.com, 010-1234-5678, 시발"], categories=["pii"])
    answer = await served.stub.Mask(request)
    assert [result.text for result in answer.results] == [
        "제 번호는 [전화번호_1]이에요",
        "",
        "[이메일_1], [전화번호_1], 시발",
    ]
    assert [len(result.findings) for result in answer.results] == [1, 0, 2]


async def test_policies_are_shown(served: Served) -> None:
    """Shipped ones and that of the configuration."""
    listed = (await served.stub.ListPolicies(pb.ListPoliciesRequest())).policies
    assert [policy.name for policy in listed] == ["default", "lenient", "observe"]
    shown = (await served.stub.GetPolicy(pb.GetPolicyRequest(name="lenient"))).policy
    assert shown == listed[1]
    assert shown.rules[0] == pb.PolicyRule(category="pii.resident_number", action=pb.ACTION_BLOCK)
    assert "pii.resident_number" in shown.yaml


async def test_four_megabytes_are_judged(served: Served) -> None:
    """To the last character, while short texts are answered in between."""
    text = "가" * 1_333_000 + "010-1234-5678"
    call = served.stub.Check(pb.CheckRequest(text=text, offset_unit=pb.OFFSET_UNIT_UTF8_BYTE))
    short = await served.stub.Check(pb.CheckRequest(text="안녕"))
    assert short.verdict.action == pb.ACTION_ALLOW
    assert not call.done()
    answer = await call
    assert (answer.verdict.findings[0].span.start, answer.verdict.findings[0].span.end) == (3_999_000, 3_999_013)
    assert answer.masked_text.endswith("가[전화번호_1]")


@pytest.mark.parametrize("text", ["\x00", "\x00" * 50 + "안녕", NFD, "😀" * 100, "\u200b"])
async def test_odd_texts_are_texts(served: Served, text: str) -> None:
    """NUL, NFD, emoji, nothing visible."""
    assert (await served.stub.Check(pb.CheckRequest(text=text))).verdict.action == pb.ACTION_ALLOW


async def test_errors_name_the_field(served: Served) -> None:
    """Each with its reason."""
    stub = served.stub
    too_long = await error_of(stub.Check(pb.CheckRequest(text="a" * 4_000_001)))
    assert (type(too_long), too_long.field) == (TextTooLong, "text")
    unknown = await error_of(stub.Check(pb.CheckRequest(text="안녕", policy="없음")))
    assert type(unknown) is PolicyNotFound
    empty = await error_of(stub.CheckBatch(pb.CheckBatchRequest()))
    assert (type(empty), empty.field) == (InvalidField, "requests")
    missing = await error_of(stub.GetPolicy(pb.GetPolicyRequest(name="없음")))
    assert type(missing) is PolicyNotFound
    kept = await error_of(stub.Check(pb.CheckRequest(text="안녕", keep_values=True)))
    assert (type(kept), kept.metadata) == (NotBuilt, {"feature": "keep_values"})
    restored = await error_of(stub.Restore(pb.RestoreRequest(texts=["[전화번호_1]"], vault="x")))
    assert (type(restored), restored.metadata) == (NotBuilt, {"method": "Restore"})


async def test_invalid_utf8_is_refused(served: Served) -> None:
    """A lone surrogate, as a careless client would send it."""
    raw = served.channel.unary_unary("/soban.v1.SafetyService/Check", response_deserializer=pb.CheckResponse.FromString)
    error = await error_of(raw(b"\x0a\x03\xed\xa0\x80"))
    assert type(error) is InvalidMessage


async def test_findings_are_counted_and_texts_are_not_kept(served: Served) -> None:
    """By category, action and direction."""
    await served.stub.Check(pb.CheckRequest(text=NUMBER))
    metrics = served.reader.get_metrics_data()
    assert metrics is not None
    told = metrics.to_json()
    assert '"category": "pii.phone"' in told
    assert "soban.safety.check.duration" in told
    assert "1234" not in told
