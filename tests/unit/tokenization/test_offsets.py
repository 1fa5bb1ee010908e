"""Offsets in three units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.tokenization.offsets import code_point_at, code_points, offset_table, unit_of, width
from unit.tokenization.korean import texts

UNITS = (pb.OFFSET_UNIT_CODE_POINT, pb.OFFSET_UNIT_UTF8_BYTE, pb.OFFSET_UNIT_UTF16_UNIT)


def encoded(text: str, unit: int) -> list[object]:
    """The text as a list of the units it is counted in."""
    if unit == pb.OFFSET_UNIT_UTF8_BYTE:
        return list(text.encode())
    if unit == pb.OFFSET_UNIT_UTF16_UNIT:
        raw = text.encode("utf-16-le")
        return [raw[at : at + 2] for at in range(0, len(raw), 2)]
    return list(text)


@given(texts, st.sampled_from(UNITS), st.integers(0, 10**6))
def test_every_position_is_the_length_of_what_is_before_it(text: str, unit: int, base: int) -> None:
    """For every code point and the end, counted from the base."""
    table = offset_table(text, unit, base)
    assert list(table) == [base + len(encoded(text[:at], unit)) for at in range(len(text) + 1)]
    assert width(text, unit) == table[-1] - base


@given(texts, st.sampled_from(UNITS))
def test_offsets_lead_back_to_code_points(text: str, unit: int) -> None:
    """And to nothing inside a character or behind the end."""
    table = list(offset_table(text, unit))
    found = {offset: code_point_at(code_points(text, unit), offset) for offset in range(table[-1] + 2)}
    assert found == {offset: table.index(offset) if offset in table else None for offset in found}


@pytest.mark.parametrize(
    ("text", "unit"),
    [("형태소", pb.OFFSET_UNIT_CODE_POINT), ("ascii", pb.OFFSET_UNIT_UTF8_BYTE), ("형태소", pb.OFFSET_UNIT_UTF16_UNIT)],
)
def test_no_table_is_built_where_every_character_is_one_unit(text: str, unit: pb.OffsetUnit.ValueType) -> None:
    """Code points, ASCII in UTF-8, the Basic Multilingual Plane in UTF-16."""
    assert isinstance(offset_table(text, unit, 5), range)


def test_the_default_unit_is_the_code_point() -> None:
    """What a request does not say."""
    assert unit_of(pb.OFFSET_UNIT_UNSPECIFIED) == pb.OFFSET_UNIT_CODE_POINT
    assert unit_of(pb.OFFSET_UNIT_UTF8_BYTE) == pb.OFFSET_UNIT_UTF8_BYTE
