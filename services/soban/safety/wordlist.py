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

_TOKEN = re.compile(r"\[([^]]+)\]|(.)")
_INNOCENT = "!"


@dataclass(frozen=True, slots=True)
class Entry:
    """A word of the list; `begins` says that it counts only where a word of the text begins."""

    word: Word
    begins: bool


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
    begins, body = pattern.startswith("^"), pattern.removeprefix("^")
    closes, body = body.endswith("$"), body.removesuffix("$")
    goes_on, body = body.endswith("*"), body.removesuffix("*")
    tokens = [one_of or ("", " ") * (char == "_") or char for one_of, char in _TOKEN.findall(body)]
    for letters in product(*tokens):
        text = "".join(letters)
        yield Entry(Word(text, severity, _behind(text, closes=closes, goes_on=goes_on)), begins)


def _behind(text: str, *, closes: bool, goes_on: bool) -> str:
    if text.isascii():
        return "" if goes_on else f"(?![{LATIN}])"
    if is_initials(text):
        return f"(?![{INITIALS}])"
    return f"(?![{HANGUL}])" if closes else ""
