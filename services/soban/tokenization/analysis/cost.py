"""What a text costs before anybody has analysed it, in characters of usual Korean prose."""

from __future__ import annotations

import re

import soban.v1 as pb

WHOLE = 2000
"""Longest text, in characters, that is analysed in one call. Kiwi takes about 10 to 20 ms for as much prose, ten times
that for one syllable repeated, and its time grows with the square of the length."""

SHORT = 300
"""Up to this cost a job is short: a few milliseconds."""

_LONG_EOJEOL = re.compile(r"\S{40}")
_UNSPACED = 5
"""'가' * 2000 takes 10 times as long as prose, '가나다라마바사' * 285 six times (measured, kiwipiepy 0.24.1)."""
_TYPOS = 4
"""Prose with all typo corrections takes 4 times as long (measured, kiwipiepy 0.24.1)."""


def cost_of(text: str, factor: int) -> int:
    """Estimate for `text`; `factor` is that of its options."""
    return max(1, len(text)) * factor * (_UNSPACED if _LONG_EOJEOL.search(text) else 1)


def factor_of(options: pb.AnalyzeOptions) -> int:
    """How many times the usual an analysis with these options costs."""
    typos = _TYPOS if options.typo_tolerance > pb.TYPO_TOLERANCE_NONE else 1
    return max(1, options.top_n) * typos
