"""Numbers as Korean writes them, in digits: "3만 2천" and "삼만이천" are 32000, "세 개" is "3개"."""

from __future__ import annotations

import re
from decimal import Decimal

_DIGITS = {syllable: Decimal(value) for value, syllable in enumerate("영일이삼사오육칠팔구")} | {"륙": Decimal(6)}
_SMALL = {"십": 10, "백": 100, "천": 1_000}
_LARGE = {"만": 10**4, "억": 10**8, "조": 10**12}
_NATIVE = {
    **{"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9},
    **{"열": 10, "열한": 11, "열두": 12, "스무": 20},
}

_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_COUNTED = re.compile(
    rf"(?<![가-힣])({'|'.join(sorted(_NATIVE, key=len, reverse=True))})\s?"
    "(?=개|명|시|살|번|마리|권|대|잔|병|가지|달|사람|송이|그루|분)"
)
_RUN = re.compile(r"(?:\d+(?:\.\d+)?|[영일이삼사오육륙칠팔구십백천만억조])+")
_PART = re.compile(r"\d+(?:\.\d+)?|.")
_AFTER_ONE = tuple("원명년개%")
"""A unit that stands alone is a number before these (천 원), and else more often a word (만, 조)."""


def in_digits(text: str) -> str:
    """`text` without spaces, and with its numerals in digits. What is no well-formed numeral stays as it is."""
    counted = _COUNTED.sub(lambda found: str(_NATIVE[found.group(1)]), _GROUPED.sub("", text))
    return _RUN.sub(_replacement, "".join(counted.split()))


def _replacement(found: re.Match[str]) -> str:
    run = found.group()
    if run[-1].isdecimal() and _PART.fullmatch(run):
        return run
    if len(run) == 1 and (run in _DIGITS or not found.string.startswith(_AFTER_ONE, found.end())):
        return run
    return _value(run) or run


def _value(run: str) -> str | None:
    """Of a run of digits and numerals; None if two numbers follow each other in it."""
    total, section, number = Decimal(0), Decimal(0), None
    for part in _PART.findall(run):
        digit = Decimal(part) if part[0].isdecimal() else _DIGITS.get(part)
        if digit is not None:
            if number is not None:
                return None
            number = digit
        elif part in _SMALL:
            section, number = section + (1 if number is None else number) * _SMALL[part], None
        else:
            section += number or 0
            total, section, number = total + (section or 1) * _LARGE[part], Decimal(0), None
    value = total + section + (number or 0)
    return f"{value.normalize():f}"
