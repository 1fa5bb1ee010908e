"""How much texts agree, by the runs of characters that they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TypeAlias
from unicodedata import normalize

_LENGTHS = (1, 2, 3, 4)
"""chrF takes 1 to 6 (Popović 2015, doi:10.18653/v1/W15-3049) for alphabets; a syllable of Hangul is two to three
letters, and runs of four reach over a word and its particle."""
_MOST_CHARACTERS = 4_000
"""Of each text; the begin tells enough, and comparing sixteen of them takes a quarter of a second."""

_Runs: TypeAlias = frozenset[tuple[str, int]]
"""Runs of one length; the number tells the first from the second of equal ones, so that sets count like bags."""


def best_by_agreement(texts: Sequence[str]) -> int:
    """Number of the text that agrees most with all others (their medoid); the first of equal ones."""
    profiles = [_profile(text) for text in texts]
    totals = [0.0] * len(texts)
    for one, other in combinations(range(len(texts)), 2):
        score = _score(profiles[one], profiles[other])
        totals[one] += score
        totals[other] += score
    # Equal sums of other order differ in the last bit.
    rounded = [round(total, 9) for total in totals]
    return rounded.index(max(rounded))


def agreement(one: str, other: str) -> float:
    """From 0 to 1, the same both ways: the F1 score over character runs of each length, averaged as chrF does."""
    return _score(_profile(one), _profile(other))


def _profile(text: str) -> list[_Runs]:
    """Runs of each length, spaces left out as chrF does."""
    plain = "".join(normalize("NFC", text).split())[:_MOST_CHARACTERS]
    return [_runs(plain, length) for length in _LENGTHS]


def _runs(text: str, length: int) -> _Runs:
    seen: dict[str, int] = {}
    runs = []
    for at in range(len(text) - length + 1):
        run = text[at : at + length]
        seen[run] = number = seen.get(run, 0) + 1
        runs.append((run, number))
    return frozenset(runs)


def _score(one: Sequence[_Runs], other: Sequence[_Runs]) -> float:
    scores = [
        2 * len(mine & theirs) / size
        for mine, theirs in zip(one, other, strict=True)
        if (size := len(mine) + len(theirs))
    ]
    return sum(scores) / len(scores) if scores else 1.0
