"""Placeholders, and text that looks like them."""

from __future__ import annotations

from soban.safety.masking import Placeholders
from soban.safety.taxonomy import CARD, PHONE


def test_equal_values_share_a_placeholder() -> None:
    """Each category counts for itself."""
    placeholders = Placeholders()
    assert placeholders.of(PHONE, "01012345678") == "[전화번호_1]"
    assert placeholders.of(PHONE, "01011112222") == "[전화번호_2]"
    assert placeholders.of(CARD, "4111111111111111") == "[카드번호_1]"
    assert placeholders.of(PHONE, "01012345678") == "[전화번호_1]"


def test_a_number_that_stands_in_the_text_is_not_given_away() -> None:
    """Whoever wrote it keeps it."""
    placeholders = Placeholders()
    assert placeholders.meet("[전화번호_1]") == "[전화번호_1]"
    placeholders.reserve("앞에서 [전화번호_2]라고 했죠")
    assert placeholders.of(PHONE, "01012345678") == "[전화번호_3]"


def test_a_look_alike_of_a_placeholder_given_away_is_told_apart() -> None:
    """Its brackets are written full-width; the model's echo of ours stays."""
    placeholders = Placeholders()
    placeholders.of(PHONE, "01012345678")
    assert placeholders.meet("[전화번호_1]") == "［전화번호_1］"
    assert placeholders.meet("[전화번호_1]", is_echo=True) == "[전화번호_1]"
    assert placeholders.meet("［전화번호_1］") == "［전화번호_1］"


def test_a_copy_goes_its_own_way() -> None:
    """Lanes begin alike and do not disturb each other."""
    first = Placeholders()
    first.of(PHONE, "01012345678")
    second = first.copy()
    assert first.of(PHONE, "01011112222") == second.of(PHONE, "01033334444") == "[전화번호_2]"
    assert second.of(PHONE, "01012345678") == "[전화번호_1]"
