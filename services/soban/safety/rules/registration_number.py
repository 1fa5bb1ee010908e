"""The thirteen digits of a resident or foreigner registration number: date of birth, century digit, check digit.

Form and check digit: Enforcement Rule of the Resident Registration Act, Art. 2. Numbers given or changed since
5 October 2020 have six random digits after the seventh, so that a failing check digit proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from soban.safety.rules.numbers import digits_of

RANDOM_SINCE: Final = date(2020, 10, 5)

_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_LAST_REGION = 95
_CENTURIES = {"9": 1800, "0": 1800, "1": 1900, "2": 1900, "5": 1900, "6": 1900} | dict.fromkeys("3478", 2000)
_BARCODE_OF_KOREA = "880"


@dataclass(frozen=True, slots=True)
class RegistrationNumber:
    """`digits` are thirteen, hidden ones as `*`; `year` is set where four digits of the year were written."""

    digits: str
    year: int | None = None

    @classmethod
    def read(cls, text: str) -> RegistrationNumber:
        """From any way of writing it."""
        found = digits_of(text)
        if len(found) == 15:
            return cls(found[2:], int(found[:4]))
        return cls(found)

    @property
    def is_foreigner(self) -> bool:
        """By the century digit."""
        return self.digits[6] in "5678"

    @property
    def is_hidden(self) -> bool:
        """Whether the last six are hidden already."""
        return not self.digits.isdecimal()

    def birth(self) -> date | None:
        """The date of birth, if there is such a day and it fits the year as written."""
        year = _CENTURIES[self.digits[6]] + int(self.digits[:2])
        if self.year not in (None, year):
            return None
        try:
            return date(year, int(self.digits[2:4]), int(self.digits[4:6]))
        except ValueError:
            return None

    def passes_check(self) -> bool:
        """Whether the last digit is right by the rule before October 2020."""
        if self.is_hidden or int(self.digits[7:9]) > _LAST_REGION:
            return False
        total = sum(int(digit) * weight for digit, weight in zip(self.digits, _WEIGHTS, strict=False))
        return int(self.digits[12]) == ((13 if self.is_foreigner else 11) - total % 11) % 10

    def is_barcode(self) -> bool:
        """Whether it may as well be an EAN-13 of a Korean product: 880 and its check digit."""
        if self.is_hidden or not self.digits.startswith(_BARCODE_OF_KOREA):
            return False
        return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(self.digits)) % 10 == 0
