"""Patterns over what models write."""

from __future__ import annotations

import pytest

from soban.runtime.linear_pattern import LinearPattern


def test_a_pattern_is_found_anywhere() -> None:
    """Korean as any other text."""
    assert LinearPattern(r"확실하지\s*않").found_in("글쎄요, 확실하지 않습니다.")
    assert not LinearPattern(r"^확실").found_in("불확실해요")
    assert LinearPattern(r"[ㄱ-ㅎ]{2,}").found_in("몰라요 ㅋㅋ")


def test_a_text_cannot_make_it_slow() -> None:
    """With back-tracking this would take longer than the universe is old."""
    assert not LinearPattern("(a+)+$").found_in("a" * 100_000 + "b")


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "a(?=b)", "a" * 513, r"((\w{100}){100}){100}"])
def test_what_is_no_pattern_is_refused_in_one_line(pattern: str) -> None:
    """Look-around and back-references included, for they cannot be linear."""
    with pytest.raises(ValueError, match="pattern") as caught:
        LinearPattern(pattern)
    assert "\n" not in str(caught.value)
