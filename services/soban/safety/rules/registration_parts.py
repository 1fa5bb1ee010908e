"""A registration number that is told in two parts: "앞자리는 900101이고 뒷자리는 1234567입니다"."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from soban.safety.outcomes import MORE, Hit, Outcome, Window
from soban.safety.rules.matching import Pattern
from soban.safety.rules.numbers import NUMBER_STARTS, OUTSIDE_NUMBER, is_joined_to_digits
from soban.safety.shapes import digits
from soban.safety.taxonomy import RESIDENT_NUMBER

_SEVERITY = 4
_CONFIDENCE = 0.7
_BEFORE = 24
_FIRST = re.compile(r"앞\s?(?:의\s?)?(?:여섯|6)?\s?자리[^0-9]{0,6}$")
_LAST = re.compile(r"뒷?뒤?\s?(?:의\s?)?(?:일곱|7)\s?자리[^0-9]{0,6}$|뒷\s?자리[^0-9]{0,6}$")
_ANY_LEAP_YEAR = 2000


class RegistrationPartRule:
    """Six digits that are a date, behind a word for the first part; seven behind a word for the last."""

    starts = NUMBER_STARTS

    def __init__(self) -> None:
        self._pattern = Pattern(digits(6, 7))
        self.trigger = OUTSIDE_NUMBER + self._pattern.trigger

    def look(self, window: Window) -> Outcome:
        """A part at the position."""
        match = self._pattern.match(window)
        if match is None or match is MORE:
            return match
        part, end = match.group(), match.end()
        if is_joined_to_digits(window, end) or is_joined_to_digits(window, window.at):
            return None
        before = unicodedata.normalize("NFC", window.before(_BEFORE))
        label = _FIRST.search(before) if len(part) == 6 else _LAST.search(before)
        if label is None or (len(part) == 6 and not _is_day(part)):
            return None
        evidence = ("part of the number", f"label {label.group().strip()}")
        return Hit(end, RESIDENT_NUMBER, "rrn.part", _CONFIDENCE, _SEVERITY, part, evidence)


def _is_day(part: str) -> bool:
    try:
        date(_ANY_LEAP_YEAR, int(part[2:4]), int(part[4:6]))
    except ValueError:
        return False
    return True
