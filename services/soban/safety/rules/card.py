"""Payment cards of 13 to 16 digits: four groups of four, Amex 4-6-5, Diners 4-6-4, or the bare digits.

First digits: ISO/IEC 7812 (3 to 6), 2221-2720 (Mastercard), and 9, which Korean cards without a foreign brand have.
"""

from __future__ import annotations

import re

from soban.safety.outcomes import MORE, Hit, Miss, Outcome, Wait, Window
from soban.safety.rules.labels import Label, Labels
from soban.safety.rules.matching import Pattern
from soban.safety.rules.numbers import (
    GAP,
    HIDDEN,
    OUTSIDE_NUMBER,
    begins_number,
    digits_of,
    gap_count,
    has_usual_gaps,
    is_inside_word,
    is_joined_to_digits,
    spaced,
)
from soban.safety.rules.weighing import Weighing
from soban.safety.shapes import digits, one_of, run
from soban.safety.taxonomy import CARD

_SEVERITY = 3
_LABELS = r"카드|결제|신용|체크|법인\s?카드|아멕스|비자|마스터|\bcard|\bvisa|amex|master|credit|debit|\bpan\b"
_FOUR = run(rf"0-9{re.escape(HIDDEN)}", 4, 4)
_SHAPE = (
    (one_of("2-69") + digits(3) + GAP + _FOUR + GAP + _FOUR + GAP + _FOUR)
    | (one_of("3") + one_of("47") + digits(2) + GAP + digits(6) + GAP + digits(5))
    | (one_of("3") + one_of("068") + digits(2) + GAP + digits(6) + GAP + digits(4))
    | spaced("2-69", 15, 16)
    | (one_of("2-69") + digits(12))
)
_DOUBLED = {digit: sum(divmod(2 * int(digit), 10)) for digit in "0123456789"}
_USUAL_LENGTHS = (14, 15, 16)


class CardRule:
    """Weighs the Luhn digit, the way it is written, and labels; a coupon of the same form has none of them."""

    starts = "2-69"

    def __init__(self) -> None:
        self._pattern = Pattern(_SHAPE)
        self._labels = Labels(_LABELS)
        self.trigger = OUTSIDE_NUMBER + self._pattern.trigger

    def look(self, window: Window) -> Outcome:
        """A card number at the position."""
        match = self._pattern.match(window)
        if match is None or match is MORE:
            return match
        number, end = digits_of(match.group()), match.end()
        checked = passes_luhn(number)
        stands_alone = self._stands_alone(window, end, checked)
        if stands_alone is not True:
            return MORE if stands_alone is MORE else None
        case = _weigh(number, checked, match.group(), self._labels.before(window))
        if not case.accepted:
            return Miss(end, CARD, case.reason)
        return Hit(end, CARD, "card", case.confidence, _SEVERITY, number, case.evidence)

    def _stands_alone(self, window: Window, end: int, checked: bool) -> bool | Wait:
        if (is_joined_to_digits(window, window.at) and not window.after_hit) or is_inside_word(window, end):
            return False
        if not is_joined_to_digits(window, end):
            return True
        return checked and begins_number(window, end)


def passes_luhn(number: str) -> bool:
    """The check of ISO/IEC 7812-1, annex B; False where digits are hidden."""
    if not number.isdecimal():
        return False
    last_first = number[::-1]
    return (sum(map(int, last_first[::2])) + sum(map(_DOUBLED.__getitem__, last_first[1::2]))) % 10 == 0


def _weigh(number: str, checked: bool, text: str, label: Label | None) -> Weighing:
    case = _form(number, text)
    if checked:
        case.add(0.5, "check digit valid")
    elif number.isdecimal():
        case.add(-0.2, "check digit fails")
    else:
        case.add(0.3, "part of it hidden already")
    if label is not None and label.own:
        case.add(0.5, f"label {label.word}")
    elif label is not None and not checked:
        case.add(-0.4, f"label of something else: {label.word}")
    return case


def _form(number: str, text: str) -> Weighing:
    if len(number) not in _USUAL_LENGTHS:
        return Weighing(-0.1, f"{len(number)} digits")
    if gap_count(text) == 0:
        return Weighing(0.4 if len(number) == 16 else 0.3, f"{len(number)} digits")
    if has_usual_gaps(text):
        return Weighing(0.45, "groups of a card")
    return Weighing(0.3, "groups of a card with unusual signs between")
