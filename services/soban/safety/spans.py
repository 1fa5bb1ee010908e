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
