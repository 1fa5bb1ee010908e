"""Words of the request: found by look-up and given to Kiwi as settled, so that no dictionary is rebuilt for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import soban.v1 as pb
from soban.tokenization.analyzer import FixedMorpheme

DEFAULT_TAG = "NNP"

_WORD_START = re.compile(r"(?<!\w)(?=\S)")


class Match(NamedTuple):
    """A morpheme that the request settles, and the user word behind it if there is one."""

    fixed: FixedMorpheme
    word: pb.UserWord | None = None


class UserWords:
    """Finds the words of a request in text.

    A word is found where an eojeol begins or after a character that is no letter and no digit; it need not end an
    eojeol, as particles follow. Of several words at one place the longest counts. What is found is one morpheme
    whatever the context says; that is the price for not rebuilding the dictionary, which takes seconds.
    """

    def __init__(self, words: Iterable[pb.UserWord]) -> None:
        # The first of equal forms counts.
        self._words = {word.form: word for word in reversed(list(words))}
        self._lengths = sorted({len(form) for form in self._words}, reverse=True)

    def find(self, text: str) -> Iterator[Match]:
        """In order and without overlaps."""
        if not self._words:
            return
        free = 0
        for place in _WORD_START.finditer(text):
            start = place.start()
            word = self._at(text, start) if start >= free else None
            if word is not None:
                free = start + len(word.form)
                yield Match(FixedMorpheme(start, free, word.tag or DEFAULT_TAG, word.form), word)

    def _at(self, text: str, start: int) -> pb.UserWord | None:
        found = (self._words.get(text[start : start + length]) for length in self._lengths)
        return next((word for word in found if word is not None), None)


def without_overlaps(known: Sequence[Match], words: Iterable[Match]) -> list[Match]:
    """All of `known`, and those of `words` that touch none of them, in order."""
    free = [word for word in words if not any(_overlap(word.fixed, other.fixed) for other in known)]
    return sorted([*known, *free], key=lambda match: match.fixed.start)


def _overlap(one: FixedMorpheme, other: FixedMorpheme) -> bool:
    return one.start < other.end and other.start < one.end
