"""Shapes: what matches, and what may still match."""

from __future__ import annotations

import re

import pytest

from soban.safety.shapes import Shape, all_of, any_text, digits, maybe, not_after, one_of, repeat, run, text

GAP = maybe(run(" ", 0, 1) + one_of("-.") + run(" ", 0, 1))
SHAPES = {
    "phone": (text("01") + one_of("016-9") + GAP + digits(3, 4) + GAP + digits(4), "010-1234-5678"),
    "bare phone": (text("01") + one_of("016-9") + GAP + digits(3, 4) + GAP + digits(4), "0111234567"),
    "word": (
        all_of("a-z", 8) + any_text("@", "골뱅이", "[at]") + repeat(all_of("a-z", 8) + text("."), 1, 3),
        "lee[at]mail.",
    ),
    "spaced": (not_after("[0-9] ", one_of("0-9") + repeat(text(" ") + one_of("0-9"), 3, 5)), "1 2 3 4"),
    "either": (text("가나") | text("가다라"), "가다라"),
}


@pytest.mark.parametrize(("shape", "example"), SHAPES.values(), ids=SHAPES)
def test_every_beginning_of_a_match_may_still_match(shape: Shape, example: str) -> None:
    """The part expression takes all that is cut from a match, up to the end of the text."""
    assert re.fullmatch(shape.full, example)
    for end in range(len(example)):
        assert re.match(shape.part, example[:end]), example[:end]


@pytest.mark.parametrize("text_so_far", ["012-", "010-12a", "010--", "a", "010-1234-5678-"])
def test_what_cannot_match_any_more_is_let_go(text_so_far: str) -> None:
    """A number that went astray holds nothing up."""
    shape, _ = SHAPES["phone"]
    assert not re.match(shape.part, text_so_far)


def test_a_part_reaches_the_end_of_the_text() -> None:
    """A beginning that something else follows is none."""
    assert not re.match(text("골뱅이").part, "골뱅무침")


def test_any_text_prefers_the_longer_one() -> None:
    """`+82` before `+8`."""
    match = re.match(any_text("+8", "+82").full, "+82")
    assert match is not None
    assert match.group() == "+82"
