"""Which answer wins a vote."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.generation.routes.agreement import agreement, best_by_agreement
from soban.generation.routes.election import elect

JSON = pb.GenerationOptions(response_format=pb.ResponseFormat(json_object=pb.ResponseFormat.JsonObject()))
PLAIN = pb.GenerationOptions()

SEOUL = (
    "서울은 대한민국의 수도이며, 한강을 끼고 있는 인구 약 940만 명의 도시입니다. 경복궁과 남산이 잘 알려져 있습니다."
)
SEOUL_TOO = "대한민국의 수도인 서울은 한강을 끼고 있으며 인구는 약 940만 명입니다. 경복궁, 남산이 잘 알려져 있습니다."
BUSAN = "부산은 우리나라에서 두 번째로 큰 도시로, 해운대와 광안리 같은 바닷가가 있으며 영화제가 해마다 열립니다."

korean = st.text(alphabet="서울부산은이가 한강의남산940만명입니다.ㅋ😀", max_size=200)


def says(*texts: str) -> list[pb.GeneratedChoice]:
    return [pb.GeneratedChoice(text=text) for text in texts]


def calls(name: str, arguments: str) -> pb.GeneratedChoice:
    return pb.GeneratedChoice(tool_calls=[pb.ToolCall(id="x", name=name, arguments=arguments)])


@pytest.mark.parametrize(
    ("texts", "winner"),
    [
        (("부산", "서울", "서울입니다."), 1),
        (("3개", "네 개", "4개", "세 개", "3개입니다"), 0),
        (("부산", "서울"), 0),
        (("대전", "부산", "서울", "서울", "부산"), 1),
        (("", "", "서울"), 2),
        (("", ""), 0),
        ((SEOUL, "서울", "서울"), 1),
        ((BUSAN, SEOUL, SEOUL_TOO), 2),
        ((SEOUL, BUSAN), 0),
        ((BUSAN, "서울", SEOUL, SEOUL_TOO), 3),
    ],
)
def test_texts(texts: tuple[str, ...], winner: int) -> None:
    """Short ones by majority, long ones by agreement, the first of equal ones; saying nothing is no vote."""
    assert elect(says(*texts), PLAIN) == winner


def test_json_is_compared_by_what_it_means() -> None:
    """Not by order, spaces, escapes or 1.0; what is no JSON is just a text."""
    texts = ['{"a": 2}', '{"도시": "서울", "수": 1}', '{"수":1.0,"도시":"\\uc11c\\uc6b8"}', "아니"]
    assert elect(says(*texts), JSON) == 1
    assert elect(says("[" * 100_000, "{}", "{ }"), JSON) == 1


def test_tool_calls_are_compared_by_name_and_arguments() -> None:
    """The commoner kind of answer counts; ids do not."""
    rainy, sunny = calls("날씨", '{"도시": "부산"}'), calls("날씨", '{"도시": "서울"}')
    assert elect([rainy, sunny, calls("날씨", '{"도시":"서울"}')], PLAIN) == 1
    assert elect([*says("서울"), sunny, rainy], PLAIN) == 1
    assert elect([sunny, *says("서울", "부산")], PLAIN) == 1


@given(st.lists(korean, min_size=1, max_size=6), st.randoms())
def test_a_strict_majority_wins_in_any_order(others: list[str], random: Any) -> None:
    """Whatever the others say."""
    texts = ["제주도", *others, *["제주도입니다."] * len(others)]
    random.shuffle(texts)
    assert "제주도" in texts[elect(says(*texts), PLAIN)]


@given(st.lists(korean, min_size=1, max_size=8))
def test_somebody_always_wins(texts: list[str]) -> None:
    """And never who says nothing, if others say something."""
    winner = elect(says(*texts), PLAIN)
    assert texts[winner].strip() or not any(text.strip() for text in texts)


@given(korean, korean)
def test_agreement_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    """1 with itself."""
    assert 0 <= agreement(one, other) <= 1
    assert agreement(one, other) == agreement(other, one)
    assert agreement(one, one) == 1
    assert agreement(one, "".join(f" {letter}" for letter in one)) == 1


@given(korean)
def test_a_text_with_a_twin_agrees_best(stranger: str) -> None:
    """Against one that shares no character with it."""
    assert best_by_agreement([stranger, "abc xyz" * 9, "abc xyz" * 9]) == 1


def test_long_texts_are_compared_in_bounded_time() -> None:
    """Only their first 4,000 characters count."""
    assert agreement("가나다" * 2_000_000, "가나다" * 2_000) == 1
