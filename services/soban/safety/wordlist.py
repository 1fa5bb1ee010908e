"""Reads the word list: patterns in, words out. The head of `lexicon_ko.txt` describes the format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from itertools import product
from typing import Final

from soban.safety.wordtree import Word

SHIPPED: Final = "lexicon_ko.txt"
HANGUL: Final = "가-힣ᄀ-ᇿ"
LATIN: Final = "A-Za-z"
LAUGHTER: Final = "ㅋㅎ"
INITIALS: Final = "ㄱ-ㅊㅌ-ㅍ"
"""All consonants but those that people laugh with."""

WORD_BEGIN: Final = f"(?<![{HANGUL}0-9])"
"""Lookbehind: neither Hangul stands before nor a number (8등신, 2시발 열차)."""

_PATTERN = re.compile(r"(?:\((.+?)\))?(\^?)(.+?)([$*]?)")
_TOKEN = re.compile(r"\[([^]]+)\]|(.)")
_INNOCENT = "!"


@dataclass(frozen=True, slots=True)
class Entry:
    """A word of the list. `before` is a lookbehind that must hold before it."""

    word: Word
    before: str = ""


def shipped_words() -> Iterator[Entry]:
    """The words of the shipped list."""
    return read_words(resources.files(__package__).joinpath(SHIPPED).read_text(encoding="utf-8"))


def read_words(source: str) -> Iterator[Entry]:
    """The words of a list. Raises ValueError for a line that does not begin with a severity or `!`."""
    for line in source.splitlines():
        kind, _, patterns = line.partition(" ")
        if not kind or kind.startswith("#"):
            continue
        severity = 0 if kind == _INNOCENT else int(kind)
        for pattern in patterns.split():
            yield from _expanded(pattern, severity)


def is_initials(word: str) -> bool:
    """Whether it is written in initial consonants, such as ㅅㅂ."""
    return re.fullmatch("[ㄱ-ㅎ]+", word) is not None


def _expanded(pattern: str, severity: int) -> Iterator[Entry]:
    """All spellings of one pattern."""
    parts = _PATTERN.fullmatch(pattern)
    if parts is None:
        raise ValueError(f"no pattern: {pattern}")
    behind, begins, body, ending = parts.groups()
    tokens = [one_of or ("", " ") * (char == "_") or char for one_of, char in _TOKEN.findall(body)]
    for letters in product(*tokens):
        text = "".join(letters)
        before = _before(behind or "", " " * (len(text) - len(text.lstrip())))
        word = Word(text.lstrip(), severity, _behind(text, ending))
        yield Entry(word, before or (WORD_BEGIN if begins else ""))


def _before(behind: str, gap: str) -> str:
    """The lookbehind of `(a|b)`, `(!a|b)` or `(^a|^b)`, with a space between it and the word or none."""
    if not behind:
        return ""
    if behind.startswith("!"):
        return f"(?<!{behind[1:]})"
    return "(?<=" + "|".join(word.replace("^", WORD_BEGIN) + gap for word in behind.split("|")) + ")"


def _behind(text: str, ending: str) -> str:
    if text.isascii():
        return "" if ending == "*" else f"(?![{LATIN}])"
    if is_initials(text):
        return f"(?![{INITIALS}])"
    return f"(?![{HANGUL}])" if ending == "$" else ""
