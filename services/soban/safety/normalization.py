"""Folding: the text as rules see it, code point for code point, with the way back to the text as sent.

Each code point becomes one code point or none, whatever stands beside it, so that folding two pieces and joining them
is folding the whole: a stream can be folded as it comes. Folding only serves the search; what leaves is always the
text as sent. Conjoining letters (NFD) stay as they are, the word list knows them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

WIDTH, DIGITS, LETTERS, SEPARATORS, INVISIBLE = "width", "digits", "letters", "separators", "invisible"
"""The steps that folding takes; a finding names those it needed."""
RAW = "raw"
"""Name of the view in which nothing was folded."""

_TILDES = "~\u02dc\u223c\u301c\u3030\uff5e"
_DOTS = "\u00b7\u0387\u2022\u2024\u2027\u2219\u22c5\u30fb\u318d\uff65"
_DASHES_OF_OTHER_KINDS = "\u2043\u2212\u2500\u2501\u2796\u30fc\uff70"
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
_KEPT_CONTROLS = "\t\n\r"

# Blocks with something to fold: the BMP without the scripts whose letters are all kept, and beyond it styled letters
# and digits, tags and variation selectors.
_BLOCKS = ((0x00, 0x3200), (0xA4D0, 0xAC00), (0xFB00, 0x10000))
_HIGH_BLOCKS = ((0x1D400, 0x1D800), (0x1F100, 0x1F170), (0x1FBF0, 0x1FBFA), (0xE0000, 0xE01F0))
_HIGH_PLANES = "\U00010000-\U0010ffff"


class Folded(NamedTuple):
    """A folded text; `origin[i]` is the position of `text[i]` in the text as sent, counted from its begin."""

    text: str
    origin: Sequence[int]


class Folding:
    """The table of folding. Building it takes some 50 ms, so that a server has one."""

    def __init__(self) -> None:
        self._steps: dict[str, str] = {}
        self._table: dict[int, str | None] = {}
        for step, source, target in _pairs():
            self._steps[source] = step
            self._table[ord(source)] = target
        # Python searches a class within the BMP by bitmap, and every range beyond it one by one.
        self._any = re.compile(f"[{_ranges(code for code in self._table if code < 0x10000)}{_HIGH_PLANES}]")
        self._gone = re.compile(f"[{_ranges(code for code, target in self._table.items() if target is None)}]")

    def fold(self, text: str, begin: int = 0) -> Folded:
        """`text` folded; `begin` is its own position in a longer text."""
        if self._any.search(text) is None:
            return Folded(text, range(begin, begin + len(text)))
        if self._gone.search(text) is None:
            return Folded(text.translate(self._table), range(begin, begin + len(text)))
        table = self._table
        kept = [index for index, char in enumerate(text) if table.get(ord(char), char) is not None]
        return Folded(text.translate(table), [begin + index for index in kept])

    def steps(self, text: str) -> Sequence[str]:
        """The steps that this piece of the text as sent needed, in their order in it."""
        return tuple(dict.fromkeys(self._steps[char] for char in text if char in self._steps))


def _pairs() -> Iterator[tuple[str, str, str | None]]:
    """Step, code point, and what it becomes (None: nothing)."""
    for low, high in (*_BLOCKS, *_HIGH_BLOCKS):
        for code in range(low, high):
            char = chr(code)
            found = _fold_of(char)
            if found is not None and found[1] != char:
                yield found[0], char, found[1]


def _fold_of(char: str) -> tuple[str, str | None] | None:
    if char in _KEPT_CONTROLS:
        return None
    if char in _FILLERS or unicodedata.category(char) in ("Cc", "Cf", "Mn", "Me"):
        return INVISIBLE, None
    separator = _separator_of(char)
    if separator is not None:
        return SEPARATORS, separator
    digit = unicodedata.digit(char, None)
    if digit is not None:
        return (WIDTH if unicodedata.decomposition(char).startswith("<wide>") else DIGITS), str(digit)
    return _letter_of(char)


def _separator_of(char: str) -> str | None:
    for chars, folded in ((_TILDES, "~"), (_DOTS, "·"), (_DASHES_OF_OTHER_KINDS, "-"), ("。．", ".")):
        if char in chars:
            return folded
    return {"Pd": "-", "Zs": " ", "Zl": "\n", "Zp": "\n"}.get(unicodedata.category(char))


def _letter_of(char: str) -> tuple[str, str] | None:
    """Full-width, half-width and styled forms of one letter or sign."""
    tag, _, codes = unicodedata.decomposition(char).partition(" ")
    if not tag.startswith("<") or " " in codes or not codes:
        return None
    base = chr(int(codes, 16))
    if tag in ("<wide>", "<narrow>"):
        return WIDTH, base
    plain = unicodedata.normalize("NFKC", base)
    return (LETTERS, plain) if len(plain) == 1 and plain.isascii() else None


def _ranges(codes: Iterable[int]) -> str:
    """Body of a character class."""
    ranges: list[list[int]] = []
    for code in sorted(codes):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in ranges)
