"""A text as one call of Kiwi sees it, and where it stands in the text as sent."""

from __future__ import annotations

import re
from collections.abc import Iterator

from soban.tokenization.analysis.job import Start
from soban.tokenization.analysis.plan import Plan
from soban.tokenization.normalization import compose
from soban.tokenization.offsets import offset_table

LINE_BREAK = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")
"""What Kiwi counts as the end of a line."""
_EOJEOL = re.compile(r"\S+")


class Piece:
    """`analysed` is what Kiwi gets: `text`, or its NFC form when the plan says so and it differs."""

    def __init__(self, text: str, start: Start, plan: Plan) -> None:
        self.text = text
        self.start = start
        self.composed = compose(text) if plan.normalize else None
        self.analysed = self.composed.text if self.composed is not None else text
        self.offsets = offset_table(text, plan.unit, start.offset)
        """Of each code point of `text` in the text as sent."""
        self.eojeols = [found.start() for found in _EOJEOL.finditer(text)]
        """Code points of `text` where an eojeol begins."""

    def place(self, start: int, end: int) -> tuple[int, int]:
        """A range of `analysed` as a range of `text`."""
        return self.composed.span(start, end) if self.composed is not None else (start, end)

    def lines(self, plan: Plan) -> Iterator[Piece]:
        """Its lines as pieces of their own."""
        begin, eojeol = 0, self.start.eojeol
        ends = [(found.start(), found.end()) for found in LINE_BREAK.finditer(self.text)]
        for number, (end, next_begin) in enumerate([*ends, (len(self.text), len(self.text))]):
            line = Piece(self.text[begin:end], Start(self.offsets[begin], eojeol, self.start.line + number), plan)
            yield line
            begin, eojeol = next_begin, eojeol + len(line.eojeols)


def count_lines(text: str) -> int:
    """Line breaks in `text`, as Kiwi counts them."""
    return len(LINE_BREAK.findall(text))


def count_eojeol(text: str) -> int:
    """Units between white space in `text`."""
    return len(text.split())
