"""Unicode Normalization Form C (UAX #15) with a map of positions back into the text as sent."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

# Vowels and final consonants of conjoining jamo are no marks, and join Hangul that stands before them.
_JAMO = frozenset(map(chr, range(0x1160, 0x1200)))
# Nor are the vowel signs of Kirat Rai (Unicode 16), which join one another.
_VOWEL_SIGNS = frozenset(map(chr, range(0x16D63, 0x16D6B)))


def normalizer_version() -> str:
    """Equal versions give equal texts."""
    return f"nfc-{unicodedata.unidata_version}"


def nfc(text: str) -> str:
    """The normal form alone."""
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


class Composed(NamedTuple):
    """A text in NFC beside the text as sent.

    The character at `i` of `text` stands for `[starts[i], ends[i])` of the text as sent; `starts` has one more number,
    the length of the text as sent.
    """

    text: str
    starts: list[int]
    ends: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """`[start, end)` of `text` as a range of the text as sent: whole characters, empty where it is empty."""
        first = self.starts[start]
        return first, self.ends[end - 1] if end > start else first

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """The range of `text` that all characters of `[start, end)` of the text as sent went into."""
        return bisect_right(self.ends, start), bisect_left(self.starts, end)


def compose(text: str) -> Composed | None:
    """The NFC form with its map, or None where `text` is in NFC already."""
    if unicodedata.is_normalized("NFC", text):
        return None
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for begin, end in _clusters(text):
        cluster = text[begin:end]
        composed = unicodedata.normalize("NFC", cluster)
        pieces.append(composed)
        if composed == cluster:
            starts.extend(range(begin, end))
            ends.extend(range(begin + 1, end + 1))
        else:
            starts.extend([begin] * len(composed))
            ends.extend([end] * len(composed))
    starts.append(len(text))
    return Composed("".join(pieces), starts, ends)


def is_border(text: str, at: int) -> bool:
    """Whether text may be cut before `at` so that the NFC forms of both parts make up the NFC form of the whole.

    It also keeps a line break of two characters together.
    """
    if not 0 < at < len(text):
        return True
    return not _joins(text[at - 1], text[at]) and text[at - 1 : at + 1] != "\r\n"


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Ranges that normalise on their own: a character and all marks and joining characters after it."""
    begin = 0
    for at in range(1, len(text)):
        if not _joins(text[at - 1], text[at]):
            yield begin, at
            begin = at
    yield begin, len(text)


def _joins(before: str, char: str) -> bool:
    if char < "\u0300":
        return False
    if char in _JAMO:
        return "\u1100" <= before <= "\u11ff" or "\uac00" <= before <= "\ud7a3"
    return char in _VOWEL_SIGNS or unicodedata.category(char)[0] == "M"
