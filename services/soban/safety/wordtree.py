"""Words as one regular expression: a tree over letters, so that a text is compared with all words at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from soban.safety.hangul import lead_of_conjoining, letters_of
from soban.safety.outcomes import MORE, Wait

GAP: Final = r"[0-9.,·*~!@^_\-/;:'\"|+]{0,2}+"
"""Digits and signs that may stand between two letters of a word."""
_END = r"\Z"
_LOOKBEHIND = 4
_OVER = "\0"
"""Behind a closed text, so that its end is not taken for a pause; folding leaves no such character."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word. `behind` is a lookahead that must hold behind it; a severity of 0 marks an innocent word."""

    text: str
    severity: int
    behind: str = ""


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)


class WordTree:
    """Words that begin in one way: behind the lookbehind `before`, with `gap` allowed between two letters.

    The lookbehind takes at most 4 characters.
    """

    def __init__(self, words: Iterable[Word], before: str = "", gap: str = "") -> None:
        self._root = _Node()
        for word in words:
            self._add(word)
        branches = {lead: _Branch(node, before, gap) for lead, node in _by_lead(self._root).items()}
        begins = _begins(self._root)
        self._branch_of = {first: branches[_lead_of(first)] for first in begins}
        self.starts = _chars(begins)
        self.trigger = before + _trigger(begins, gap)
        """Matches the first two letters of every word: short, as every text is searched for it."""

    def longest(self, text: str, at: int, end: int, *, closed: bool) -> tuple[Word, int] | Wait | None:
        """The longest word at `at` and where it ends; MORE while `end` may cut it short, which `closed` rules out."""
        branch = self._branch_of.get(text[at])
        if branch is None:
            return None
        begin = max(0, at - _LOOKBEHIND)
        match = branch.match(text[begin:end] + _OVER * closed, at - begin)
        if match is None:
            return None
        if match.end() == end - begin and not closed:
            return MORE
        assert match.lastindex is not None  # noqa: S101 - every way to a word passes its group
        return branch.words[match.lastindex - 1], begin + match.end()

    def _add(self, word: Word) -> None:
        node = self._root
        for char in word.text:
            node = node.children.setdefault(char, _Node())
        node.words.append(word)


class _Branch:
    """The words whose first letters begin with one consonant."""

    def __init__(self, node: _Node, before: str, gap: str) -> None:
        writer = _Writer(gap)
        self.match = re.compile(before + writer.write(node, first=True)).match
        self.words = writer.words


class _Writer:
    """Writes a tree as a regular expression with an empty group for each word, in the order of `words`.

    Wherever the text may be over, its end matches as well. Of the first letter the final consonant is not taken off: a
    stream must not wait behind every 다 for a ㄱ that would make it the begin of 닥.
    """

    def __init__(self, gap: str) -> None:
        self.words: list[Word] = []
        self._gap = gap

    def write(self, node: _Node, gap: str = "", *, first: bool = False) -> str:
        """Longer words come before their own begin."""
        ways = []
        if node.children:
            # A syllable with a final consonant comes before the same without it, whose letters it begins with.
            letters = sorted(node.children.items(), reverse=True)
            branches = [self._letter(char, first) + self.write(child, self._gap) for char, child in letters]
            ways.append(f"{gap}(?:{'|'.join([*branches, _END])})")
        for word in sorted(node.words, key=lambda word: not word.behind):
            self.words.append(word)
            ways.append(f"{word.behind}()")
        return f"(?:{'|'.join(ways)})"

    def _letter(self, char: str, first: bool) -> str:
        """The letter in every way it can be encoded."""
        if char.isascii() and char.isalpha():
            return f"[{char.lower()}{char.upper()}]"
        letters = letters_of(char)
        if letters is None:
            return re.escape(char)
        tail = f"(?:[{letters.tail}]|{_END})" if letters.tail else ""
        apart = f"[{letters.lead}](?:[{letters.vowel}]{tail}|{_END})"
        return f"(?:{char}|{letters.open}{tail}|{apart})" if tail and not first else f"(?:{char}|{apart})"


def _by_lead(root: _Node) -> dict[str, _Node]:
    branches: dict[str, _Node] = {}
    for char, child in root.children.items():
        branches.setdefault(_lead_of(char), _Node()).children[char] = child
    return branches


def _lead_of(char: str) -> str:
    """The consonant of a letter, in whatever way the letter is encoded; other characters stand for themselves."""
    letters = letters_of(char)
    return letters.lead[0] if letters is not None else lead_of_conjoining(char) or char.lower()


def _begins(root: _Node) -> dict[str, set[str]]:
    """The characters that a word can begin with, and those that can follow; an empty one where it may be over."""
    begins: dict[str, set[str]] = {}
    for letter, node in root.children.items():
        after = {char for second in node.children for char, _ in _forms(second)} | ({""} if node.words else set())
        for first, rest in _forms(letter, splits=False):
            begins.setdefault(first, set()).update({rest[0], rest[0].upper()} if rest else after)
    return dict(sorted(begins.items()))


def _forms(char: str, *, splits: bool = True) -> list[tuple[str, str]]:
    """First character and rest of every way in which a letter can be encoded.

    With `splits` also a syllable beside its final consonant.
    """
    if char.isascii():
        return [(char.lower(), ""), (char.upper(), "")]
    letters = letters_of(char)
    if letters is None:
        return [(char, "")]
    apart = [(lead, vowel) for lead in letters.lead for vowel in letters.vowel]
    split = [(letters.open, tail) for tail in letters.tail] if splits else []
    return [(char, ""), *split, *apart]


def _trigger(begins: dict[str, set[str]], gap: str) -> str:
    """A quick look at two letters, then which of them belong together.

    The branches begin with a literal character, which Python compares without entering the branch.
    """
    pairs = {first: seconds for first, seconds in begins.items() if "" not in seconds}
    singles = [first for first in begins if first not in pairs]
    quick = f"[{_chars(pairs)}]{gap}(?:[{_chars(set().union(*pairs.values()))}]|{_END})"
    branches = [f"{re.escape(first)}{gap}(?:[{_chars(seconds)}]|{_END})" for first, seconds in pairs.items()]
    return f"(?:(?={quick})(?:{'|'.join(branches)}){f'|[{_chars(singles)}]' if singles else ''})"


def _chars(chars: Iterable[str]) -> str:
    """Body of a character class."""
    return re.escape("".join(sorted(chars)))
