"""Stop texts: exact across every border."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soban.generation.engines.stops import StopMatcher
from unit.generation.cutting import pieces_of

CHARACTERS = "가나다ab\n "


def run(stops: list[str], pieces: list[str]) -> tuple[str, str]:
    """The text that came out, and the stop text that was met."""
    matcher = StopMatcher(stops)
    text = "".join(matcher.push(piece) for piece in pieces)
    return text + matcher.flush(), matcher.found


@pytest.mark.parametrize(
    ("stops", "text", "out", "found"),
    [
        (["\n"], "네, 알겠습니다.\n질문:", "네, 알겠습니다.", "\n"),
        (["질문:"], "답: 네.\n질문: 뭐?", "답: 네.\n", "질문:"),
        (["없음"], "끝까지 갑니다", "끝까지 갑니다", ""),
        (["Seoul"], "It is Seo", "It is Seo", ""),
        (["bc", "abc"], "xxabcd", "xx", "abc"),
        (["abcd", "bc"], "xabcd", "xa", "bc"),
        (["안녕"], "안안녕", "안", "안녕"),
        ([], "안녕", "안녕", ""),
    ],
)
def test_the_answer_ends_before_the_stop_text(stops: list[str], text: str, out: str, found: str) -> None:
    """Fed character by character and at once."""
    assert run(stops, list(text)) == (out, found)
    assert run(stops, [text]) == (out, found)


@given(
    st.lists(st.text(CHARACTERS, min_size=1, max_size=4), max_size=5),
    st.text(CHARACTERS, max_size=40),
    st.lists(st.integers(0, 40), max_size=12),
)
def test_the_result_does_not_depend_on_the_cuts(stops: list[str], text: str, cuts: list[int]) -> None:
    """The text up to the stop text that ends first, and of those that end together the longest."""
    pieces = pieces_of(text, cuts)
    assert run(stops, pieces) == run(stops, list(text))
    ends = [(text.index(stop) + len(stop), -len(stop)) for stop in stops if stop in text]
    expected = text[: min(ends)[0] + min(ends)[1]] if ends else text
    assert run(stops, pieces)[0] == expected


@given(st.lists(st.text(CHARACTERS, min_size=1, max_size=6), min_size=1, max_size=4), st.text(CHARACTERS, max_size=60))
def test_only_the_begin_of_a_stop_text_is_held(stops: list[str], text: str) -> None:
    """What comes out lags by less than the longest stop text."""
    matcher, shown = StopMatcher(stops), 0
    for seen, character in enumerate(text, 1):
        shown += len(matcher.push(character))
        if matcher.found:
            return
        assert seen - shown < max(map(len, stops))
