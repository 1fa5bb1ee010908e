"""Cuts a text or bytes into pieces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T", str, bytes)


def pieces_of(whole: T, cuts: Sequence[int]) -> list[T]:
    """Cut before each of `cuts`; cuts may repeat or lie beyond the end."""
    marks = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    return [whole[begin:end] for begin, end in pairwise(marks)]
