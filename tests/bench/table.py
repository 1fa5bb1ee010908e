"""Lines of a report: what, how much, and whether the bar is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One figure; `bar` and `met` are unset where there is no bar."""

    what: str
    value: str
    bar: str = ""
    met: bool | None = None


def print_lines(title: str, lines: Sequence[Line]) -> None:
    """Prints a block. Bars that are not met say so; nothing else happens, as timings decide no test."""
    print(f"\n{title}")
    for line in lines:
        verdict = {None: "", True: "met", False: "NOT MET"}[line.met]
        print(f"  {line.what:<56} {line.value:>10}  {line.bar:<10} {verdict}".rstrip())
