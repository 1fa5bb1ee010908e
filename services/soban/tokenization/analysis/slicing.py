"""Long texts in slices that can be analysed one by one, each cut where it hurts least."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from soban.tokenization.analysis.cost import WHOLE
from soban.tokenization.analysis.piece import LINE_BREAK
from soban.tokenization.normalization import is_border

_SENTENCE_END = re.compile(r"[.!?。…][\"'”’)\]」』]*\s+")
_SPACE = re.compile(r"\s+")
_BORDERS = ((LINE_BREAK, False), (_SENTENCE_END, False), (_SPACE, True))
"""Best first: where a cut goes after, and whether it then lies inside a sentence."""

_LEAST = 4
"""A slice has at least a fourth of the greatest length, if there is a border to cut at."""
_MARKS = 64
"""A cut without any border steps back over at most so many combining marks."""


class Slice(NamedTuple):
    """`[start, end)` of the text, in code points. `inside` says that the cut at its end lies inside a sentence."""

    start: int
    end: int
    inside: bool = False


def slices(text: str, longest: int = WHOLE) -> Iterator[Slice]:
    """Slices that cover `text`, none longer than `longest` characters; one, perhaps empty, where it fits whole.

    A slice ends after a line break, else after the end of a sentence, else after a space, else anywhere but inside a
    character. Nothing is analysed across a cut.
    """
    start = 0
    while len(text) - start > longest:
        cut = _cut(text, start, start + longest)
        yield cut
        start = cut.end
    yield Slice(start, len(text))


def _cut(text: str, start: int, high: int) -> Slice:
    low = start + (high - start) // _LEAST
    for pattern, inside in _BORDERS:
        ends = [found.end() for found in pattern.finditer(text, low, high) if is_border(text, found.end())]
        if ends:
            return Slice(start, ends[-1], inside)
    steps = range(high, max(low, high - _MARKS), -1)
    return Slice(start, next((at for at in steps if is_border(text, at)), high), inside=True)
