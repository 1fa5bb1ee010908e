"""Offsets in the unit of the request: code points, bytes of UTF-8, or units of UTF-16."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import soban.v1 as pb

_LAST_OF_BMP = "\uffff"
_CONTINUATION_MASK, _CONTINUATION = 0xC0, 0x80


def unit_of(requested: pb.OffsetUnit.ValueType) -> pb.OffsetUnit.ValueType:
    """The unit with its default filled in."""
    return requested or pb.OFFSET_UNIT_CODE_POINT


def width(text: str, unit: pb.OffsetUnit.ValueType) -> int:
    """Length of `text` in `unit`. `text` holds no lone surrogate, as no protobuf string does."""
    if unit == pb.OFFSET_UNIT_UTF8_BYTE:
        return len(text.encode())
    if unit == pb.OFFSET_UNIT_UTF16_UNIT:
        return len(text.encode("utf-16-le")) // 2
    return len(text)


def offset_table(text: str, unit: pb.OffsetUnit.ValueType, base: int = 0) -> Sequence[int]:
    """`base` plus the offset of each code point of `text` in `unit`, and of its end: `len(text) + 1` numbers.

    A range where every character is one unit wide, which is the case for code points, for ASCII in UTF-8 and for text
    without characters beyond the Basic Multilingual Plane in UTF-16.
    """
    if unit == pb.OFFSET_UNIT_UTF8_BYTE and not text.isascii():
        raw = text.encode()
        starts = [base + at for at, byte in enumerate(raw) if byte & _CONTINUATION_MASK != _CONTINUATION]
        return [*starts, base + len(raw)]
    if unit == pb.OFFSET_UNIT_UTF16_UNIT and width(text, unit) != len(text):
        return list(accumulate((2 if char > _LAST_OF_BMP else 1 for char in text), initial=base))
    return range(base, base + len(text) + 1)


def code_points(text: str, unit: pb.OffsetUnit.ValueType) -> Mapping[int, int] | Sequence[int]:
    """The code point that starts at each offset of `text`; what is no key or index of it is inside a character."""
    table = offset_table(text, unit)
    return table if isinstance(table, range) else {offset: at for at, offset in enumerate(table)}


def code_point_at(places: Mapping[int, int] | Sequence[int], offset: int) -> int | None:
    """The code point that starts at `offset`, or None where none does: inside a character or past the end.

    `places` is what `code_points` gives: made once for a text, as it takes time in proportion to its length.
    """
    if isinstance(places, Mapping):
        return places.get(offset)
    return offset if 0 <= offset < len(places) else None
