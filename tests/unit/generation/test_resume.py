"""What the next engine is asked after one died in the middle of an answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.generation.engine import Finished, Piece, Usage
from soban.generation.resume import Journal, continued
from soban.generation.validation import validate
from unit.generation.conftest import ask, user

PIECES = st.lists(
    st.builds(Piece, text=st.sampled_from(["안녕", "하세요. ", "오늘", "은", " ☀️"]), tokens=st.integers(1, 4)),
    max_size=8,
)


def wrote(*pieces: Piece) -> Journal:
    journal = Journal()
    for piece in pieces:
        journal.wrote(piece)
    return journal


def test_a_chat_goes_on_with_the_text_as_the_begin_of_the_answer() -> None:
    """The caller's own request stays as it is."""
    request = ask("서울은 어때?", max_tokens=10)
    before = pb.GenerateRequest.FromString(request.SerializeToString())
    longer = continued(request, "서울은 맑", 4)
    assert [message.role for message in longer.messages] == [pb.ROLE_USER, pb.ROLE_ASSISTANT]
    assert longer.messages[-1].parts[0].text == "서울은 맑"
    assert longer.options.continue_final_message
    assert longer.options.max_tokens == 6
    assert request == before


def test_a_prompt_grows_by_the_text() -> None:
    """And has no messages."""
    longer = continued(pb.GenerateRequest(model="ko", prompt="옛날 옛적에 "), "호랑이가 ", 3)
    assert longer.prompt == "옛날 옛적에 호랑이가 "
    assert not longer.messages
    assert not longer.options.HasField("max_tokens")


def test_an_answer_that_was_a_continuation_stays_one_message() -> None:
    """Two ASSISTANT messages in a row would make another prompt."""
    begun = pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text="옛날에 ")])
    request = pb.GenerateRequest(
        model="ko", messages=[user("이야기 해 줘"), begun], options=pb.GenerationOptions(continue_final_message=True)
    )
    longer = continued(request, "호랑이가", 2)
    assert [part.text for part in longer.messages[-1].parts] == ["옛날에 호랑이가"]
    assert len(longer.messages) == 2


@given(PIECES, st.integers(0, 40))
def test_what_goes_on_is_a_valid_request(pieces: list[Piece], most: int) -> None:
    """Whatever was written, and however little is left."""
    journal = wrote(*pieces)
    request = ask(max_tokens=most) if most else ask()
    longer = continued(request, journal.text, journal.tokens)
    validate(longer, 1_000_000)
    assert longer.messages[-1].parts[0].text == "".join(piece.text for piece in pieces)


def test_usage_is_the_sum_of_what_all_replicas_wrote() -> None:
    """The prompt counts once, as the first replica read it; its continuation is output already."""
    journal = wrote(Piece("안녕", tokens=2, input_tokens=7), Piece("하세요", tokens=3))
    journal.broke()
    journal.wrote(Piece(".", tokens=1, resumed=True, input_tokens=12))
    journal.ended(Finished(pb.FINISH_REASON_STOP, Usage(input_tokens=12, output_tokens=2, cached_input_tokens=4)))
    assert journal.usage() == Usage(input_tokens=7, output_tokens=7)
    assert journal.text == "안녕하세요."


def test_a_prompt_that_was_counted_late_is_without_what_was_written_before() -> None:
    """The next engine read both."""
    journal = wrote(Piece("안녕", tokens=2), Piece("하세요", tokens=3))
    journal.broke()
    journal.ended(Finished(pb.FINISH_REASON_STOP, Usage(input_tokens=12, output_tokens=2)))
    assert journal.usage() == Usage(input_tokens=7, output_tokens=7)


def test_thoughts_of_a_lost_engine_count() -> None:
    """They were written."""
    journal = wrote(Piece(reasoning="음, ", tokens=3), Piece("네", tokens=1))
    journal.broke()
    assert journal.usage() == Usage(output_tokens=4, reasoning_tokens=3)


def test_usage_of_an_undisturbed_answer_is_the_engines() -> None:
    """Cached tokens included."""
    journal = wrote(Piece("안녕", tokens=2))
    told = Usage(input_tokens=9, output_tokens=2, cached_input_tokens=8, reasoning_tokens=1)
    journal.ended(Finished(pb.FINISH_REASON_STOP, told))
    assert journal.usage() == told


@pytest.mark.parametrize(
    ("options", "pieces"),
    [
        ({"response_format": pb.ResponseFormat(json_schema="{}")}, [Piece('{"도시":')]),
        ({"response_format": pb.ResponseFormat(grammar='root ::= "네"')}, [Piece("네")]),
        ({}, [Piece(tool_calls=[pb.ToolCallDelta(index=0, name="날씨")])]),
        ({}, [Piece(reasoning="사용자가 묻는 것은")]),
    ],
)
def test_some_answers_cannot_go_on(options: dict[str, Any], pieces: list[Piece]) -> None:
    """A grammar would begin anew; half a call and a thought without an answer are no text to go on from."""
    journal = wrote(*pieces)
    assert journal.shown
    assert not journal.resumable(ask(**options))


def test_an_answer_after_its_thoughts_can_go_on() -> None:
    """From the text."""
    assert wrote(Piece(reasoning="생각 중"), Piece("답은 ")).resumable(ask())


def test_a_piece_that_shows_nothing_leaves_everything_open() -> None:
    """Nothing was shown, so the request can be sent as it was."""
    assert not wrote(Piece(tokens=1)).shown
