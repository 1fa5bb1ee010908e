"""Lanes of a Filter stream."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from soban.runtime.errors import InvalidField
from soban.safety.scanner import Scanner
from soban.safety.streams import FilterStream, Release
from unit.safety.seeing import output_decisions


@pytest.fixture
def stream(scanner: Scanner) -> FilterStream:
    return FilterStream(scanner, output_decisions(), len, ["[전화번호_1]을 알려 줘"], explain=False)


def told(releases: Iterable[Release]) -> list[tuple[int, str, bool]]:
    return [(release.lane.number, release.piece.text, release.over) for release in releases]


def test_lanes_are_independent_texts(stream: FilterStream) -> None:
    """Each holds, releases and counts for itself; numbers of the texts that are answered stay free."""
    stream.add(0, "번호는 010-1234")
    stream.add(3, "010-9999-")
    assert told(stream.run()) == [(0, "번호는 ", False)]
    stream.add(3, "8888 입니다")
    stream.add(0, "-5678")
    assert told(stream.run()) == [(3, "[전화번호_2] 입니다", False)]
    assert told(stream.end(0)) == [(0, "[전화번호_2]", True)]
    assert told(stream.finish()) == [(3, "", True)]


def test_texts_that_came_together_are_filtered_in_one_go(stream: FilterStream) -> None:
    """One release for many pieces."""
    for piece in ("오늘 ", "날씨가 ", "좋네요"):
        stream.add(0, piece)
    assert told(stream.run()) == [(0, "오늘 날씨가 좋네요", False)]
    assert told(stream.run()) == []


def test_nothing_to_say_is_no_release(stream: FilterStream) -> None:
    """While all is held."""
    stream.add(0, "010-")
    assert told(stream.run()) == []


def test_a_stopped_lane_takes_no_notice(stream: FilterStream) -> None:
    """Of what its writer sent before it knew; the others go on."""
    stream.add(0, "이런 시발 뭐")
    stream.add(1, "좋은 아침이에요")
    assert told(stream.run()) == [(0, "이런 ", True), (1, "좋은 아침이에요", False)]
    stream.add(0, "더 많은 글")
    assert told(stream.run()) == []
    assert told(stream.end(0)) == []
    assert told(stream.finish()) == [(1, "", True)]


def test_a_lane_without_text_ends_with_a_verdict(stream: FilterStream) -> None:
    """An empty text is a text."""
    assert told(stream.end(63)) == [(63, "", True)]


@pytest.mark.parametrize("number", [-1, 64, 2**31 - 1])
def test_lanes_have_numbers_from_0_to_63(stream: FilterStream, number: int) -> None:
    """Anything else is refused with its path."""
    with pytest.raises(InvalidField) as error:
        stream.add(number, "안녕")
    assert error.value.field == "text.lane"


def test_nothing_follows_an_end(stream: FilterStream) -> None:
    """Neither text nor another end."""
    assert told(stream.end(2)) == [(2, "", True)]
    with pytest.raises(InvalidField, match="lane 2 has ended"):
        stream.add(2, "더")
    with pytest.raises(InvalidField, match="lane 2 has ended"):
        stream.end(2)
