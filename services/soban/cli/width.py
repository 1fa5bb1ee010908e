"""How wide text stands on a terminal, where a Hangul syllable takes two columns and a combining jamo none."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

# Medial vowels and final consonants join the syllable before them. Python gives them width 1 and category Lo.
_JOINING_JAMO = ((0x1160, 0x11FF), (0xD7B0, 0xD7FB))
_INVISIBLE = ("Mn", "Me", "Cf")
_CONTROL = {code: chr(0x2400 + code) for code in range(0x20)} | dict.fromkeys(range(0x7F, 0xA0), "\u2421")
_SAFE_CONTROLS = {code: sign for code, sign in _CONTROL.items() if chr(code) not in "\n\t"}
ELLIPSIS = "…"


def width(text: str) -> int:
    """Columns of `text`, which has no line ends."""
    return sum(_columns(character) for character in text)


def pad(text: str, columns: int, right: bool = False) -> str:
    """`text` with spaces up to `columns`; in front when `right`."""
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space


def clip(text: str, columns: int) -> str:
    """`text` on one line, cut with an ellipsis when it is wider than `columns`."""
    line = printable(" ".join(text.split()))
    if width(line) <= columns:
        return line
    kept, used = "", 0
    for character in line:
        used += _columns(character)
        if used > columns - 1:
            break
        kept += character
    return kept + ELLIPSIS


def printable(text: str) -> str:
    """`text` whose control characters are shown as signs: what a model writes must not steer the terminal."""
    return text.translate(_SAFE_CONTROLS)


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = (), gap: str = "  ") -> list[str]:
    """`rows` as lines with aligned columns; those numbered in `right` stand at the right."""
    if not rows:
        return []
    columns = [max(width(row[number]) for row in rows) for number in range(len(rows[0]))]
    return [
        gap.join(pad(cell, columns[number], number in right) for number, cell in enumerate(row)).rstrip()
        for row in rows
    ]


def _columns(character: str) -> int:
    if character.isascii():
        return 1
    code = ord(character)
    if any(first <= code <= last for first, last in _JOINING_JAMO) or unicodedata.category(character) in _INVISIBLE:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
