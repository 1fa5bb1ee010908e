"""Units of positions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final, TypeAlias

Measure: TypeAlias = Callable[[str], int]
"""Length of a text in some unit."""


class Unit(IntEnum):
    """Numbers are those of the contract."""

    CODE_POINT = 1
    UTF8_BYTE = 2
    UTF16_UNIT = 3


def _utf8_bytes(text: str) -> int:
    return len(text.encode())


def _utf16_units(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


MEASURES: Final[Mapping[Unit, Measure]] = {
    Unit.CODE_POINT: len,
    Unit.UTF8_BYTE: _utf8_bytes,
    Unit.UTF16_UNIT: _utf16_units,
}


class Ruler:
    """Turns rising positions in code points into a unit, without measuring any text twice."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._position = 0
        self._units = 0

    def at(self, position: int, text: str, begin: int) -> int:
        """Units before `position`, which is not before the last one; `text` begins at the code point `begin`."""
        self._units += self._measure(text[self._position - begin : position - begin])
        self._position = position
        return self._units

    def span(self, start: int, end: int, text: str, begin: int) -> tuple[int, int]:
        """Units before `start` and before `end`; only `start` must rise."""
        units = self.at(start, text, begin)
        return units, units + self._measure(text[start - begin : end - begin])
