"""Pieces of text as engines send them, made whole: no U+FFFD, no half character, no half Hangul syllable.

Engines that cut a stream inside a character replace the broken bytes by U+FFFD, and JSON may carry the two halves of
a surrogate pair in two events. Text in conjoining jamo (NFD) spells a syllable in two or three code points. Nothing is
normalised.
"""

from __future__ import annotations

import re

_REPLACEMENT = "\ufffd"
_SURROGATE = r"\ud800-\udfff"
# Unicode chapter 3.12: a syllable block is leading consonants, vowels, trailing consonants.
_LEADING = r"\u1100-\u115f\ua960-\ua97c"
_VOWEL = r"\u1160-\u11a7\ud7b0-\ud7c6"
_TRAILING = r"\u11a8-\u11ff\ud7cb-\ud7fb"

_NEEDS_CARE = re.compile(f"[{_REPLACEMENT}{_SURROGATE}{_LEADING}{_VOWEL}{_TRAILING}]")
_OPEN_SYLLABLE = re.compile(f"[{_LEADING}]*[{_VOWEL}]*[{_TRAILING}]*\\Z")
_LONGEST_SYLLABLE = 8


class WholeText:
    """`push` pieces as they come; what it answers, joined with `flush`, is the text without what was broken.

    It holds back at most one open syllable of conjoining jamo and half a surrogate pair.
    """

    def __init__(self) -> None:
        self.held = ""
        """What is held back now."""

    def push(self, piece: str) -> str:
        """What can be shown now."""
        if not self.held and (piece.isascii() or _NEEDS_CARE.search(piece) is None):
            return piece
        return self._settle(self.held + piece)

    def flush(self) -> str:
        """What was held back, when no more will come."""
        held, self.held = self.held, ""
        return _mended(held)

    def _settle(self, text: str) -> str:
        half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        whole = _mended(text.removesuffix(half))
        begin = len(whole) if half else _open_syllable(whole)
        self.held = whole[begin:] + half
        return whole[:begin]


def _mended(text: str) -> str:
    """Surrogate pairs joined, lone surrogates and U+FFFD left out."""
    return text.replace(_REPLACEMENT, "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def _open_syllable(text: str) -> int:
    """Where a syllable that more jamo could complete begins; the end of the text if there is none."""
    tail = text[-_LONGEST_SYLLABLE - 1 :]
    found = _OPEN_SYLLABLE.search(tail)
    length = len(found.group()) if found is not None else 0
    return len(text) - length if length <= _LONGEST_SYLLABLE else len(text)
