"""Columns of Korean text on a terminal."""

from __future__ import annotations

import unicodedata

import pytest

from soban.cli.width import clip, pad, printable, table, width


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("soban", 5),
        ("소반", 4),
        ("소반 table", 10),
        (unicodedata.normalize("NFD", "한글"), 4),
        ("ㅋㅋㅋ", 6),
        ("ㄱㅏ", 4),
        ("김치🍚", 6),
        ("e\u0301", 1),
        ("ＡＢ", 4),
        ("ﾊﾝ", 2),
        ("가\u200b나", 4),
    ],
)
def test_width_counts_terminal_columns(text: str, columns: int) -> None:
    """Syllables and emoji take two, combining jamo and invisible characters none."""
    assert width(text) == columns


def test_a_table_with_korean_cells_is_aligned() -> None:
    """The second column starts at the same terminal column in every row."""
    rows = [("형태", "품사"), ("friend", "NNG"), (unicodedata.normalize("NFD", "친구"), "NNG")]
    starts = {width(line[: line.index(row[1])]) for line, row in zip(table(rows), rows, strict=True)}
    assert starts == {8}


def test_numbers_stand_at_the_right() -> None:
    """Korean heads count double there, too."""
    assert table([("토큰", "글"), ("7", "밥"), ("123", "국")], right=(0,)) == ["토큰  글", "   7  밥", " 123  국"]


def test_an_empty_table_has_no_lines() -> None:
    """No rows, no lines."""
    assert table([]) == []


def test_clip_never_exceeds_its_columns() -> None:
    """A syllable that would stand half outside is left out."""
    assert clip("오늘 날씨가 참 좋네요", 10) == "오늘 날씨…"
    assert clip("가나다라", 6) == "가나…"
    assert clip("두 줄\n글", 20) == "두 줄 글"
    assert clip("짧다", 4) == "짧다"


def test_pad_fills_up_to_columns_and_never_cuts() -> None:
    """Also in front."""
    assert pad("소반", 6) == "소반  "
    assert pad("소반", 6, right=True) == "  소반"
    assert pad("소반", 2) == "소반"


def test_control_characters_of_a_text_cannot_steer_the_terminal() -> None:
    """Escape sequences are shown as signs; line ends and tabs stay."""
    assert printable("\x1b[2J안녕\x07\n\t\x9b") == "␛[2J안녕␇\n\t␡"
