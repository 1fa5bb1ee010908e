"""Filter over gRPC."""

from __future__ import annotations

import asyncio
import random
import unicodedata
from collections.abc import AsyncIterator, Iterable, Sequence

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

CONFIG = pb.FilterRequest(config=pb.FilterConfig())


def text(piece: str, lane: int = 0) -> pb.FilterRequest:
    return pb.FilterRequest(text=pb.FilterText(lane=lane, text=piece))


def end(lane: int = 0) -> pb.FilterRequest:
    return pb.FilterRequest(end=pb.FilterEnd(lane=lane))


async def answers(
    served: Served, requests: Iterable[pb.FilterRequest], pause: float | None = None
) -> list[pb.FilterResponse]:
    """All responses to requests that are sent at once or with pauses."""

    async def sending() -> AsyncIterator[pb.FilterRequest]:
        for request in requests:
            yield request
            if pause is not None:
                await asyncio.sleep(pause)

    return [response async for response in served.stub.Filter(sending())]


def lane_text(responses: Sequence[pb.FilterResponse], lane: int = 0) -> str:
    return "".join(response.text for response in responses if response.lane == lane)


def verdicts(responses: Sequence[pb.FilterResponse]) -> dict[int, pb.Verdict]:
    return {response.lane: response.verdict for response in responses if response.HasField("verdict")}


async def error_of(served: Served, *requests: pb.FilterRequest) -> SobanError:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await answers(served, requests)
    return from_rpc_error(error.value)


@pytest.mark.parametrize("pause", [None, 0.002])
async def test_a_number_cut_into_characters_is_masked(served: Served, pause: float | None) -> None:
    """Whether they come at once or one by one; half-closing ends the lane."""
    responses = await answers(served, [CONFIG, *map(text, "😀 번호는 010-1234-5678이고 끝")], pause)
    assert lane_text(responses) == "😀 번호는 [전화번호_1]이고 끝"
    verdict = verdicts(responses)[0]
    assert (verdict.action, verdict.direction, verdict.policy) == (pb.ACTION_MASK, pb.DIRECTION_OUTPUT, "default")
    assert verdict.findings == [found for response in responses for found in response.findings]
    assert responses[-1].HasField("verdict")


async def test_plain_text_is_answered_piece_by_piece(served: Served) -> None:
    """Nothing is held, nothing is sent for nothing."""
    responses = await answers(served, [CONFIG, text("안녕하세요. "), text("무엇을 "), text("도와드릴까요?")], 0.01)
    assert [response.text for response in responses] == ["안녕하세요. ", "무엇을 ", "도와드릴까요?", ""]
    assert verdicts(responses)[0].action == pb.ACTION_ALLOW


async def test_a_blocked_word_ends_its_lane_and_not_the_other(served: Served) -> None:
    """The verdict says how much was out; what comes later for the lane is passed over."""
    requests = [CONFIG, text("이런 시"), text("안녕", 1), text("발 뭐야"), text("하세요", 1), text("더"), end(), end(1)]
    responses = await answers(served, requests, 0.002)
    assert lane_text(responses, 0) == "이런 "
    assert lane_text(responses, 1) == "안녕하세요"
    blocked, passed = verdicts(responses)[0], verdicts(responses)[1]
    assert (blocked.action, blocked.released_code_points) == (pb.ACTION_BLOCK, 3)
    assert blocked.reason.ko == "욕설이 있어 답변을 보내지 않았습니다."
    assert passed.action == pb.ACTION_ALLOW


async def test_numbers_of_the_conversation_stay_free(served: Served) -> None:
    """A new number in the answer gets no placeholder that already means something."""
    said = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text="[전화번호_1]로 걸면 누가 받아?")])
    config = pb.FilterRequest(config=pb.FilterConfig(messages=[said]))
    responses = await answers(served, [config, text("[전화번호_1] 말고 010-9999-8888로")])
    assert lane_text(responses) == "[전화번호_1] 말고 [전화번호_2]로"


async def test_nfd_and_emoji_at_every_cut(served: Served) -> None:
    """Positions in UTF-16 units, as a browser counts."""
    sent = (
        unicodedata.normalize("NFD", "👨‍👩‍👧 메일은 ") + "lee@example.com" + unicodedata.normalize("NFD", "으로요 😀")
    )
    config = pb.FilterRequest(config=pb.FilterConfig(offset_unit=pb.OFFSET_UNIT_UTF16_UNIT))
    responses = await answers(served, [config, *map(text, sent)])
    assert lane_text(responses) == sent.replace("lee@example.com", "[이메일_1]")
    (finding,) = verdicts(responses)[0].findings
    units = sent.encode("utf-16-le")
    assert units[2 * finding.span.start : 2 * finding.span.end].decode("utf-16-le") == "lee@example.com"


async def test_random_cuts_over_the_wire(served: Served) -> None:
    """As in process: the cut does not matter."""
    source = random.Random(3)
    sent = (
        "주문번호 20230103-5230803, 번호 ０１０－１２３４－５６７８ 카드 4111-1111-1111-1111 시발점 lee@example.com으로"
    )
    whole = lane_text(await answers(served, [CONFIG, text(sent)]))
    assert "1234" not in whole
    for _ in range(20):
        cuts = sorted(source.sample(range(1, len(sent)), 12))
        pieces = [sent[begin:stop] for begin, stop in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
        assert lane_text(await answers(served, [CONFIG, *map(text, pieces)])) == whole


async def test_a_long_piece_is_filtered_beside_the_others(served: Served) -> None:
    """Four megabytes in one piece; another stream goes on meanwhile."""
    long = asyncio.create_task(answers(served, [CONFIG, text("가" * 1_333_000 + "010-1234-5678")]))
    await asyncio.sleep(0.01)
    assert lane_text(await answers(served, [CONFIG, text("안녕")])) == "안녕"
    assert lane_text(await long).endswith("가[전화번호_1]")


async def test_a_client_that_vanishes_leaves_nothing_behind(served: Served) -> None:
    """The call ends, and the server takes the next."""
    call = served.stub.Filter()
    await call.write(CONFIG)
    await call.write(text("번호는 010-"))
    assert (await call.read()).text == "번호는 "
    call.cancel()
    for _ in range(200):
        if served.server.in_flight == 0:
            break
        await asyncio.sleep(0.01)
    assert served.server.in_flight == 0
    assert lane_text(await answers(served, [CONFIG, text("안녕")])) == "안녕"


async def test_what_a_stream_may_not_do(served: Served) -> None:
    """Each with its path."""
    cases = [
        ([], InvalidField, "config"),
        ([text("안녕")], InvalidField, "config"),
        ([CONFIG, CONFIG], InvalidField, "config"),
        ([CONFIG, pb.FilterRequest()], InvalidField, "event"),
        ([CONFIG, text("안녕", 64)], InvalidField, "text.lane"),
        ([CONFIG, end(-1)], InvalidField, "end.lane"),
        ([CONFIG, end(), text("더")], InvalidField, "text.lane"),
        ([CONFIG, text("a" * 4_000_001)], TextTooLong, "text.text"),
        ([pb.FilterRequest(config=pb.FilterConfig(policy="없음"))], PolicyNotFound, None),
        ([pb.FilterRequest(config=pb.FilterConfig(vault="x"))], NotBuilt, None),
    ]
    for requests, kind, field in cases:
        error = await error_of(served, *requests)
        assert (type(error), error.field) == (kind, field), requests


async def test_invalid_utf8_is_refused(served: Served) -> None:
    """In the middle of a stream."""
    raw = served.channel.stream_stream(
        "/soban.v1.SafetyService/Filter", response_deserializer=pb.FilterResponse.FromString
    )
    call = raw()
    await call.write(CONFIG.SerializeToString())
    await call.write(b"\x12\x05\x12\x03\xed\xa0\x80")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call.read()
    assert type(from_rpc_error(error.value)) is InvalidMessage


async def test_a_conversation_that_is_too_long_is_refused_before_the_text(served: Served) -> None:
    """Its texts are bounded like any other."""
    huge = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text="가" * 1_400_000)])
    error = await error_of(served, pb.FilterRequest(config=pb.FilterConfig(messages=[huge])))
    assert isinstance(error, TextTooLong)
    assert error.field == "config.messages"
