"""Words of the request in text."""

from __future__ import annotations

import pytest

import soban.v1 as pb
from soban.tokenization.analysis.user_words import Match, UserWords, without_overlaps
from soban.tokenization.analyzer import FixedMorpheme


def found(text: str, *forms: str) -> list[str]:
    words = UserWords(pb.UserWord(form=form) for form in forms)
    return [text[match.fixed.start : match.fixed.end] for match in words.find(text)]


@pytest.mark.parametrize(
    ("text", "forms", "expected"),
    [
        ("소반에서 소반을", ["소반"], ["소반", "소반"]),
        ("한국소반 신소반", ["소반"], []),
        ('"소반"과 (소반)', ["소반"], ["소반", "소반"]),
        ("소반상을 차렸다", ["소반", "소반상"], ["소반상"]),
        ("새 서울역 앞", ["새 서울", "서울역"], ["새 서울"]),
        ("밥을 먹었다", [], []),
        ("", ["소반"], []),
    ],
)
def test_words_begin_where_eojeol_do(text: str, forms: list[str], expected: list[str]) -> None:
    """The longest counts, and what it covers is not looked at again."""
    assert found(text, *forms) == expected


def test_the_first_of_equal_words_counts() -> None:
    """With its tag; the default one is NNP."""
    (match,) = UserWords([pb.UserWord(form="소반"), pb.UserWord(form="소반", tag="NNG")]).find("소반")
    assert match.fixed == FixedMorpheme(0, 2, "NNP", "소반")


def test_known_spans_go_first() -> None:
    """And all come in order."""
    known = [Match(FixedMorpheme(6, 8, "NNP", "")), Match(FixedMorpheme(0, 3, "NNP", ""))]
    words = list(UserWords([pb.UserWord(form="소반")]).find("소반상 소반 소반"))
    spans = [(match.fixed.start, match.fixed.end) for match in without_overlaps(known, words)]
    assert spans == [(0, 3), (4, 6), (6, 8)]
