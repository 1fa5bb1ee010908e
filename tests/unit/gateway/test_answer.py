"""The state between generation's stream and the client's: right for every cut and every order of the lanes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.gateway.answer import Answer
from soban.gateway.lanes import Lanes
from unit.gateway.conftest import say
from unit.gateway.fakes import PHONE, PHONE_MASK, SWEARING, ToyLane, finish, piece, summary

TEXTS = st.lists(st.sampled_from([PHONE, SWEARING, "안녕 ", "씨", "010-", "1234", "발음", " "]), max_size=8).map(
    "".join
)
CHOICES = st.lists(TEXTS, min_size=1, max_size=8)


def filtered(text: str) -> str:
    """What may leave of a whole text."""
    return text.split(SWEARING, maxsplit=1)[0].replace(PHONE, PHONE_MASK)


@given(CHOICES, st.randoms(use_true_random=False))
def test_each_choice_gets_its_own_filtered_text_and_ends_once(texts: list[str], random: object) -> None:
    events = [[*(piece(sign, index) for sign in text), finish(index=index)] for index, text in enumerate(texts)]
    answer = Answer(say("응", options=pb.GenerationOptions(n=len(texts))))
    lanes: dict[int, ToyLane] = {}
    waiting: list[pb.FilterResponse] = []
    out: list[pb.StreamChatResponse] = []
    while any(events) or waiting:
        if waiting and (not any(events) or random.random() < 0.5):
            out.extend(answer.released(waiting.pop(0)))
            continue
        for request in answer.written(random.choice([left for left in events if left]).pop(0)):
            waiting.extend(respond(request, lanes))
    delivered = [
        "".join(event.delta.text for event in out if event.delta.index == index) for index in range(len(texts))
    ]
    assert delivered == [filtered(text) for text in texts] == answer.texts()
    assert Counter(event.finish.index for event in out if event.HasField("finish")) == Counter(range(len(texts)))
    assert not answer.open
    reasons = {event.finish.index: event.finish.finish_reason for event in out if event.HasField("finish")}
    assert all((reasons[index] == pb.FINISH_REASON_SAFETY) == (SWEARING in text) for index, text in enumerate(texts))


def respond(request: pb.FilterRequest, lanes: dict[int, ToyLane]) -> list[pb.FilterResponse]:
    kind = request.WhichOneof("event")
    number = request.text.lane if kind == "text" else request.end.lane
    lane = lanes.setdefault(number, ToyLane())
    return lane.take(number, request.text.text) if kind == "text" else [lane.end(number)]


def test_lanes_of_the_contract_are_numbered_as_documented() -> None:
    lanes = Lanes(8, frozenset({"sms"}))
    call = pb.ToolCallDelta(index=3, name="sms")
    assert [lanes[number].place for number in range(8)] == ["text"] * 8
    assert (lanes.reasoning(7).number, lanes.reasoning(0).number) == (15, 8)
    assert (lanes.tool(5, call).number, lanes.tool(0, call).number, lanes.tool(5, call).number) == (16, 17, 16)
    assert [lane.number for lane in lanes.of_choice(5)] == [5, 16]
    assert lanes[17].place == "tool_calls[3].arguments"


def test_tokens_are_counted_also_when_their_text_is_held_or_blocked() -> None:
    answer = Answer(say("응"))
    for sign in f"좋아 {SWEARING} 더":
        answer.written(piece(sign))
    assert answer.told().usage.output_tokens == 7
    assert not answer.told().HasField("timings")
    answer.written(summary())
    assert answer.told().HasField("timings")


def test_the_first_piece_after_a_continuation_says_so() -> None:
    """Once for each, with text that the filter still held; one that brings nothing leaves it to the next."""
    answer, lanes = Answer(say("세어 봐")), {}
    out: list[tuple[str, bool]] = []
    for text, resumed in (("하나 ", False), ("둘 씨", True), ("", True), ("앗 ", False), ("넷", False)):
        for request in answer.written(piece(text, resumed=resumed)):
            for response in respond(request, lanes):
                out.extend((event.delta.text, event.delta.resumed) for event in answer.released(response))
    assert out == [("하나 ", False), ("둘 ", True), ("씨앗 ", True), ("넷", False)]
    assert answer.told().resumes == 2
