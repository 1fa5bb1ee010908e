"""Resident and foreigner registration numbers, whole or told in two parts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from soban.safety.outcomes import MORE, Hit, Miss, Outcome, Wait, Window
from soban.safety.rules.labels import Label, Labels
from soban.safety.rules.matching import Pattern
from soban.safety.rules.numbers import (
    GAP,
    HIDDEN,
    NUMBER_STARTS,
    OUTSIDE_NUMBER,
    begins_number,
    gap_count,
    has_usual_gaps,
    is_inside_word,
    is_joined_to_digits,
    spaced,
)
from soban.safety.rules.registration_number import RANDOM_SINCE, RegistrationNumber
from soban.safety.rules.weighing import Weighing
from soban.safety.shapes import digits, one_of, run
from soban.safety.taxonomy import FOREIGNER_NUMBER, RESIDENT_NUMBER

_SEVERITY = 4
_OLDEST_YEARS = 110
_FIRST_CENTURY = 1900
_LABELS = (
    r"주민|주번|민번|민증|등본|외국인|거소|등록\s?번호|신분증|앞\s?자리|뒷\s?자리|"
    r"jumin|rrn|frn|\bssn|resident|alien|foreigner|registration"
)
_DATE_SIGN = one_of(r"\-./")
_SHAPE = (
    (digits(6) + GAP + one_of("0-9") + (digits(6) | run(re.escape(HIDDEN), 6, 6)))
    | (digits(4) + _DATE_SIGN + digits(2) + _DATE_SIGN + digits(2) + GAP + digits(7))
    | (digits(8) + GAP + digits(7))
    | spaced("0-9", 13, 13)
)


class RegistrationNumberRule:
    """Weighs form, date, check digit and labels; none of them alone decides. `today` bounds dates of birth."""

    starts = NUMBER_STARTS

    def __init__(self, today: Callable[[], date] = date.today) -> None:
        self._pattern = Pattern(_SHAPE)
        self._labels = Labels(_LABELS)
        self._today = today
        self.trigger = OUTSIDE_NUMBER + self._pattern.trigger

    def look(self, window: Window) -> Outcome:
        """Thirteen digits at the position."""
        match = self._pattern.match(window)
        if match is None or match is MORE:
            return match
        number, end = RegistrationNumber.read(match.group()), match.end()
        stands_alone = self._stands_alone(window, end, number)
        if stands_alone is not True:
            return MORE if stands_alone is MORE else None
        category = FOREIGNER_NUMBER if number.is_foreigner else RESIDENT_NUMBER
        label = self._labels.before(window)
        case = self._weigh(number, match.group(), label)
        if case.accepted and label is None and not number.passes_check():
            against = self._labels.speaks_against(window, end)
            if against is MORE:
                return MORE
            if against:
                case.add(-0.6, "label of something else behind it")
        if not case.accepted:
            return Miss(end, category, case.reason)
        name = "frn" if number.is_foreigner else "rrn"
        return Hit(end, category, name, case.confidence, _SEVERITY, number.digits, case.evidence)

    def _stands_alone(self, window: Window, end: int, number: RegistrationNumber) -> bool | Wait:
        """Whether it ends and begins where its digits do, or was glued to another number."""
        if (is_joined_to_digits(window, window.at) and not window.after_hit) or is_inside_word(window, end):
            return False
        if not is_joined_to_digits(window, end):
            return True
        birth = number.birth()
        is_proven = number.passes_check() or gap_count(window.text[window.at : end]) > 0
        return (is_proven or (birth is not None and birth >= RANDOM_SINCE)) and begins_number(window, end)

    def _weigh(self, number: RegistrationNumber, text: str, label: Label | None) -> Weighing:
        case = _form(number, text)
        self._weigh_birth(case, number)
        checked = number.passes_check()
        if checked:
            case.add(0.5, "check digit valid")
        else:
            case.add(*((0.2, "last digits hidden") if number.is_hidden else (0.0, "check digit fails")))
        if label is not None and label.own:
            case.add(0.6, f"label {label.word}")
        elif label is not None and (not checked or number.is_barcode() or number.year is not None):
            case.add(-1.0 if number.year is not None else -0.6, f"label of something else: {label.word}")
        return case

    def _weigh_birth(self, case: Weighing, number: RegistrationNumber) -> None:
        birth, today = number.birth(), self._today()
        if birth is None or (number.year is not None and birth > today):
            case.add(-0.3, "no such date of birth")
        elif birth > today:
            case.add(0.08, "date of birth in the future")
        elif birth.year < _FIRST_CENTURY:
            case.add(-0.25, "date of birth before 1900")
        elif birth.year < today.year - _OLDEST_YEARS:
            case.add(0.0, "date of birth long past")
        elif birth >= RANDOM_SINCE:
            case.add(0.35, "date of birth real, from the time without check digit")
        else:
            case.add(0.25, "date of birth real")


def _form(number: RegistrationNumber, text: str) -> Weighing:
    if number.year is not None:
        return Weighing(0.35, "form with year of four digits")
    if gap_count(text) == 0:
        return Weighing(0.2, "thirteen digits")
    if re.fullmatch(r"[0-9]{6} {0,2}-{1,2} {0,2}\S{7}", text):
        return Weighing(0.45, "form 6-7")
    if has_usual_gaps(text):
        return Weighing(0.35, "form 6 7")
    return Weighing(0.25, "form 6 7 with an unusual sign between")
