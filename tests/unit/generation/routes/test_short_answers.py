"""Short answers that say the same, and such that do not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soban.generation.routes.numerals import in_digits
from soban.generation.routes.short_answers import short_form

SAME = [
    ("서울", "서울.", "서울입니다", "서울이에요!", "정답은 서울입니다.", "답: 서울", " 서 울 ", "'서울'", "**서울**"),
    ("3개", "３개", "세 개", "3 개", "세개입니다."),
    ("1,000원", "1000원", "천 원", "천원입니다."),
    ("32000명", "3만 2천 명", "삼만이천 명", "32,000명"),
    ("1조 2천억 원", "1,200,000,000,000원", "일조이천억 원"),
    ("300", "삼백", "정답은 삼백입니다", "답은 300."),
    ("2.5만 명", "25000명", "이만 오천 명"),
    ("스물한 살", "스물한살"),
    ("스무 살", "20살"),
    ("열두 시", "12시"),
    ("네", "예", "네.", "예!", "넵"),
    ("아니요", "아니오", "아뇨", "아니요."),
    ("B", "b", "(B)", "정답: B", "B."),
    ("3.14", "3.14."),
    ("True", "true"),
]
DIFFERENT = [
    ("3.14", "314"),
    ("서울", "부산"),
    ("네", "아니요"),
    ("1.5", "15"),
    ("2만", "2천"),
    ("-3", "4"),
    ("사이다", "사"),
    ("네 번째", "네"),
    ("가", "나"),
    ("12345678901234567890", "12345678901234567891"),
]


@pytest.mark.parametrize("texts", SAME, ids=lambda texts: texts[0])
def test_the_same(texts: tuple[str, ...]) -> None:
    """Spaces, marks, width, politeness, numerals, NFD."""
    assert len({short_form(text) for text in texts}) == 1
    assert {short_form(unicodedata.normalize("NFD", text)) for text in texts} == {short_form(texts[0])}


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_not_the_same(one: str, other: str) -> None:
    """A decimal point is no mark, and a word is no number."""
    assert short_form(one) != short_form(other)


@pytest.mark.parametrize("word", ["이", "일", "만", "조", "사이", "오이", "하늘", "구구"])
def test_a_word_is_no_number(word: str) -> None:
    """A syllable alone, and digits in a row without a unit."""
    assert in_digits(word) == word


def test_long_answers_have_no_short_form() -> None:
    """32 characters are the most."""
    assert short_form("가" * 32) == "가" * 32
    assert short_form("가" * 33) is None


_FIGURES = "영일이삼사오육칠팔구"


def _spelled(number: int) -> str:
    """As it is read, 1 to 99,999,999."""
    parts = []
    for large, word in ((10_000, "만"), (1, "")):
        section = number // large % 10_000
        if section:
            digits = ((section // unit % 10, name) for unit, name in ((1000, "천"), (100, "백"), (10, "십"), (1, "")))
            parts.append("".join(_FIGURES[digit] + name for digit, name in digits if digit) + word)
    return " ".join(parts)


@given(st.integers(10, 99_999_999))
def test_any_number_as_it_is_read(number: int) -> None:
    """Is that number in digits."""
    assert in_digits(_spelled(number)) == str(number)


@given(st.text(max_size=31))
def test_any_text_has_a_form_that_is_stable(text: str) -> None:
    """Never an error, and marks around it change nothing."""
    assert short_form(f"{text}.") == short_form(text)
