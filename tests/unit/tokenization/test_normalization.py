"""NFC with a map back."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given

from soban.tokenization.normalization import compose, is_border, nfc, normalizer_version
from unit.tokenization.korean import NFD, texts


@given(texts)
def test_the_composed_text_is_the_nfc_form(text: str) -> None:
    """As the standard library has it; nothing is composed where nothing changes."""
    composed = compose(text)
    expected = unicodedata.normalize("NFC", text)
    assert nfc(text) == expected
    assert (composed.text if composed is not None else text) == expected


@given(texts)
def test_every_character_stands_for_its_part_of_the_text_as_sent(text: str) -> None:
    """The parts follow one another, cover the text, and each composes to what it stands for."""
    composed = compose(text)
    if composed is None:
        return
    spans = [composed.span(at, at + 1) for at in range(len(composed.text))]
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)
    assert composed.span(0, len(composed.text)) == (0, len(text))
    for (start, end), char in zip(spans, composed.text, strict=True):
        assert char in unicodedata.normalize("NFC", text[start:end])


@given(texts)
def test_what_went_into_a_range_leads_back_to_it(text: str) -> None:
    """`locate` finds every character that a part of the text as sent went into."""
    composed = compose(text)
    if composed is None:
        return
    for at in range(len(composed.text)):
        first, last = composed.locate(*composed.span(at, at + 1))
        assert first <= at < last


@given(texts)
def test_text_may_be_normalised_in_parts_at_borders(text: str) -> None:
    """The forms of the parts make up the form of the whole."""
    for at in range(len(text) + 1):
        if is_border(text, at):
            assert nfc(text[:at]) + nfc(text[at:]) == nfc(text)


def test_a_syllable_stands_for_its_jamo() -> None:
    """As macOS writes file names."""
    composed = compose(NFD)
    assert composed is not None
    assert composed.text == "한국어 형태소를 분석했습니다."
    assert [composed.span(at, at + 1) for at in range(4)] == [(0, 3), (3, 6), (6, 8), (8, 9)]


def test_an_empty_range_stays_empty() -> None:
    """Where a morpheme leaves no trace."""
    composed = compose(NFD)
    assert composed is not None
    start, end = composed.span(2, 2)
    assert start == end == composed.span(2, 3)[0]


@pytest.mark.parametrize(
    ("text", "at"), [("a\r\nb", 2), ("\u1100\u1161\u11a8", 1), ("e\u0301", 1), ("\u1100\u1161\u11a8", 2)]
)
def test_no_border_inside_a_character_or_line_break(text: str, at: int) -> None:
    """Conjoining jamo, combining marks, CR LF."""
    assert not is_border(text, at)


def test_the_version_names_form_and_unicode() -> None:
    """So that equal versions give equal texts."""
    assert normalizer_version() == f"nfc-{unicodedata.unidata_version}"
