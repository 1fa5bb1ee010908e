"""What the rules for numbers share: separators between groups, and what stands before and behind."""

from __future__ import annotations

import re
from typing import Final

from soban.safety.outcomes import MORE, Wait, Window
from soban.safety.shapes import Shape, maybe, not_after, one_of, repeat, run

_EMOJI = "\u2600-\u27bf\U0001f300-\U0001faff"
_SIGNS = rf"\-.·/_,:|~ㅡ\t\n\r{_EMOJI}"
GAP: Final = maybe((run(" ", 0, 2) + run(_SIGNS, 1, 2) + run(" ", 0, 2)) | run(" ", 1, 3))
"""What may stand between two groups of a number; `has_usual_gaps` weighs it."""

HIDDEN: Final = "xX*●○□■#·"
"""Signs that stand for a digit which is hidden already."""
NUMBER_STARTS: Final = "0-9"
OUTSIDE_NUMBER: Final = r"(?<![0-9])"
"""For triggers: a number begins where the digits before it end. What follows a hit is looked at without it."""

_GAP = re.compile(rf"[^0-9(+%{re.escape(HIDDEN)}]+|·")
_USUAL_GAP = re.compile(r"\)? {0,2}[-.)(] {0,2}| {1,3}|ㅡ")
_NUMBER_AHEAD = re.compile(r"\+?0\d{1,2}[- ]?\d{3,4}[- ]?\d{4}|\d{6}[- ]?\d{7}|\d{4}([- ]?)\d{4}\1\d{4}\1\d{4}")
_AHEAD = 24
_NO_DIGIT = re.compile(f"[^0-9{re.escape(HIDDEN[:-1])}]+")
_HIDDEN_DIGIT = re.compile("[^0-9]")


def spaced(first: str, least: int, most: int) -> Shape:
    """Digits with one space between each, such as `0 1 0 1 2 3`; `first` is the class body of the first digit."""
    return not_after("[0-9] ", one_of(first) + repeat(one_of(" ") + one_of("0-9"), least - 1, most - 1))


def digits_of(text: str) -> str:
    """The digits, and `*` for each that is hidden."""
    return _HIDDEN_DIGIT.sub("*", _NO_DIGIT.sub("", text))


def gap_count(text: str) -> int:
    """How often something stands between digits."""
    return len(_GAP.findall(text))


def has_usual_gaps(text: str) -> bool:
    """Whether the groups stand together as people write them: by hyphen, dot, space, bracket or nothing."""
    return all(_USUAL_GAP.fullmatch(gap) for gap in _GAP.findall(text))


def is_joined_to_digits(window: Window, position: int) -> bool:
    """Whether a digit stands on both sides of `position`, with nothing invisible between."""
    return position < window.end and window.text[position].isdecimal() and window.joined(position)


def begins_number(window: Window, position: int) -> bool | Wait:
    """Whether the digits from `position` on have the shape of a number of their own, as when two were glued."""
    ahead = window.after(position, _AHEAD)
    return MORE if ahead is None else _NUMBER_AHEAD.match(ahead) is not None


def is_inside_word(window: Window, end: int) -> bool:
    """Whether Latin letters stand directly on both sides, as in hashes and identifiers."""
    return _is_latin(window.text[window.at - 1 : window.at]) and _is_latin(window.text[end : min(end + 1, window.end)])


def follows_number(window: Window) -> bool:
    """Whether the position continues a longer number, as the decimals of `3.14` do."""
    before = window.before(2)
    return len(before) == 2 and before[0].isdecimal() and before[1] in ".,-" and not window.after_hit


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalpha()
