"""Random texts of Korean prose, personal data, disguises and traps, and random ways to cut them."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

PROSE = (
    "안녕하세요 저는 홍길동입니다", "제 번호는 ", "연락처는 ", "메일은 ", "주민등록번호는 ", "외국인등록번호 ",
    "카드로 결제했어요 ", "주문번호 ", "송장 ", "이고 ", "으로 ", "입니다. ", "에서 ", "시발점에서 ",
    "새끼손가락을 ", "이 새끼 고양이 ", "18년 동안 보지 못했다 ", "초성 ", "😀", "❤️", "\n", "\t", " ", ", ", ". ",
    "(", ") ", "\r\n", "앞자리는 ", "뒷자리는 ", "바코드 ", "www.", "https://", "{\"tel\":\"", "[전화번호_1]",
    "[카드번호_7]", "[전화", "버전 1.25.21 ", "2024-01-15 ", "12,000원 ", "1588-1588 ",
)  # fmt: skip
FRAGMENTS = (
    "\u200b", "\u200d", "\ufeff", "\u3164", "0", "1", "2", "9", "12", "01", "010", "02", "82", "+82", "880", "-",
    ".", "_", "~", "x", "*", "@", "a", "lee", "b.", "com", ".com", "[", "]", "ㅅ", "ㅂ", "시", "씨", "발", "지",
    "랄", "개", "새", "끼", "병", "신", "존", "나", "(02)", "%2B82", "골뱅이", "[at]", "\x00", "１", "０", "①", "𝟎",
    "fu", "ck", "공일공", "8801234567893", "20230103-5230803", "3.14159265358979", "1544-5589",
)  # fmt: skip
SWEARING = (
    "시발", "씨1발", "ㅅㅂ", "병신", "개새끼", "지랄", "존나", "썅", "fuck", "tlqkf", "ㅆㅣ발", "씨이발",
)  # fmt: skip


@dataclass(frozen=True)
class RandomText:
    """A text, and the personal data in it that every reader would see."""

    text: str
    values: tuple[str, ...]


def random_text(source: random.Random, *, swears: bool = True) -> RandomText:
    """Up to 10 pieces."""
    pieces: list[str] = []
    values: list[str] = []
    for _ in range(source.randint(1, 10)):
        kind = source.random()
        if kind < 0.25:
            value = source.choice(_MAKERS)(source)
            pieces.append(_disguised(value, source))
            values.append(value)
        elif kind < 0.6:
            pieces.append(source.choice(PROSE))
        elif kind < 0.7 and swears:
            pieces.append(source.choice(SWEARING))
        else:
            pieces.append(source.choice(FRAGMENTS))
    text = "".join(pieces)
    return RandomText(unicodedata.normalize("NFD", text) if source.random() < 0.1 else text, tuple(values))


def sentence_with_value(source: random.Random) -> RandomText:
    """One piece of personal data in disguise, between Hangul, so that nothing excuses missing it."""
    value = source.choice(_MAKERS)(source)
    return RandomText(f"고객님 정보는 {_disguised(value, source)}입니다 감사합니다", (value,))


def random_cuts(text: str, source: random.Random) -> list[str]:
    """The text in pieces of 1 to 9 characters, now and then empty."""
    pieces, begin = [], 0
    while begin < len(text):
        size = source.choice((0, 1, 1, 2, 3, 5, 9))
        pieces.append(text[begin : begin + size])
        begin += size
    return pieces


def digit_runs(value: str, length: int = 5) -> set[str]:
    """All runs of so many digits in a value, its separators left out."""
    digits = "".join(char for char in value if char.isdecimal())
    return {digits[begin : begin + length] for begin in range(len(digits) - length + 1)}


def _digits(source: random.Random, count: int) -> str:
    return "".join(source.choice("0123456789") for _ in range(count))


def phone(source: random.Random) -> str:
    """A mobile number that nobody has (010-0 and 010-1 are not assigned)."""
    sign = source.choice(("-", " ", ".", ""))
    return sign.join(("010", source.choice("01") + _digits(source, 3), _digits(source, 4)))


def registration_number(source: random.Random) -> str:
    """With a valid check digit."""
    digits = f"{source.randint(40, 99):02}{source.randint(1, 12):02}{source.randint(1, 28):02}"
    digits += source.choice("1256") + f"{source.randint(0, 95):02}" + _digits(source, 3)
    total = sum(int(digit) * weight for digit, weight in zip(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), strict=True))
    check = ((13 if digits[6] in "56" else 11) - total % 11) % 10
    return f"{digits[:6]}-{digits[6:]}{check}"


def card(source: random.Random) -> str:
    """Of a test range, with a valid check digit."""
    digits = source.choice(("4111", "9420", "5105")) + _digits(source, 11)
    doubled = (int(digit) * (1 if place % 2 else 2) for place, digit in enumerate(digits))
    check = -sum(value - 9 if value > 9 else value for value in doubled) % 10
    return "-".join((digits[:4], digits[4:8], digits[8:12], digits[12:] + str(check)))


def email(source: random.Random) -> str:
    """At a domain for examples."""
    name, ending = source.choice(("gildong", "lee.minsu", "team_1")), source.choice(("com", "co.kr"))
    return f"{name}{_digits(source, 6)}@example.{ending}"


_MAKERS: tuple[Callable[[random.Random], str], ...] = (phone, registration_number, card, email)


def _disguised(value: str, source: random.Random) -> str:
    disguise = source.randrange(5)
    if disguise == 0:
        return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in value)
    if disguise == 1:
        return source.choice(("\u200b", "\u2060", "\u00ad")).join(value)
    if disguise == 2:
        return value.replace("-", source.choice(("–", "‐", " - ", "−")))
    return value
