"""Long texts in slices."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from soban.tokenization.analysis.slicing import slices
from soban.tokenization.normalization import nfc
from unit.tokenization.korean import texts


@given(texts, st.integers(70, 200))
def test_slices_cover_the_text_and_none_is_too_long(text: str, longest: int) -> None:
    """In order, without gaps, at least one."""
    found = list(slices(text * 5, longest))
    assert found[0].start == 0
    assert found[-1].end == len(text) * 5
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(piece.end - piece.start <= longest for piece in found)
    assert all(piece.end > piece.start for piece in found[:-1])


@given(texts, st.integers(70, 200))
def test_slices_normalise_by_themselves(text: str, longest: int) -> None:
    """No cut goes through a character."""
    text = text * 5
    assert "".join(nfc(text[piece.start : piece.end]) for piece in slices(text, longest)) == nfc(text)


def test_a_line_break_is_the_best_place() -> None:
    """Even where a sentence ends later."""
    text = "첫 줄이다\n" + "둘째 줄. " * 20
    assert next(slices("가" * 40 + text, 60)) == (0, 46, False)


def test_then_the_end_of_a_sentence() -> None:
    """After the white space behind it."""
    text = "밥을 먹었다. 그리고 집에 갔다. 그래서 나는 매우 즐거웠고"
    assert text[: next(slices(text, 25)).end] == "밥을 먹었다. 그리고 집에 갔다. "


def test_then_a_space_which_is_inside_a_sentence() -> None:
    """The slice says so, so that the sentence can be made whole again."""
    text = "그래서 나는 매우 즐거웠고 또 행복했으며 노래를 불렀다"
    piece = next(slices(text, 20))
    assert text[: piece.end] == "그래서 나는 매우 즐거웠고 또 "
    assert piece.inside


def test_then_anywhere() -> None:
    """A run without any space is cut at the greatest length."""
    assert [piece.end for piece in slices("가" * 45, 20)] == [20, 40, 45]


def test_a_short_text_is_one_slice() -> None:
    """Also an empty one."""
    assert list(slices("", 20)) == [(0, 0, False)]
    assert list(slices("밥", 20)) == [(0, 1, False)]
