"""The word list of profanity as rules: spellings, jamo, signs between the letters, and innocent look-alikes.

Of the words that begin at a position the longest wins, and an innocent one hides what it contains. Where a word of the
text begins, signs may stand between the letters; elsewhere they may not, or "다시.발표" would be a hit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from soban.safety.outcomes import MORE, Hit, Miss, Outcome, Window
from soban.safety.taxonomy import PROFANITY
from soban.safety.wordlist import INITIALS, LATIN, WORD_BEGIN, Entry, is_initials
from soban.safety.wordtree import GAP, Word, WordTree

_CONFIDENCE = 0.95
_CONFIDENCE_WITH_SIGNS = 0.8
_SIGN = re.compile(r"[0-9.,·*~!@^_\-/;:'\"|+]")
_JAMO = re.compile("[ㄱ-ㅣᄀ-ᇿ]")
_QUIZ = re.compile("초성|자음|퀴즈|줄임말|약자")
_INITIALS_BEGIN = f"(?<![{INITIALS}])"
_QUIZ_BEFORE, _QUIZ_BEHIND = 24, 12


class LexiconRule:
    """One tree of words at work. Initials are innocent where the text is a quiz about them."""

    def __init__(self, tree: WordTree) -> None:
        self._tree = tree
        self.starts = tree.starts
        self.trigger = tree.trigger

    def look(self, window: Window) -> Outcome:
        """The longest word at the position."""
        longest = self._tree.longest(window.text, window.at, window.end, closed=window.closed)
        if longest is None or longest is MORE:
            return longest
        word, end = longest
        if word.severity == 0:
            return Miss(end, PROFANITY, f"innocent word {word.text}", covers=True)
        return (_quiz(window, end) if is_initials(word.text) else None) or _hit(window.text[window.at : end], word, end)


def lexicon_rules(entries: Iterable[Entry]) -> list[LexiconRule]:
    """One rule for each way in which a word can begin."""
    words: dict[str, list[Word]] = {}
    innocent: list[Word] = []
    with_signs: list[Word] = []
    for entry in entries:
        if entry.word.severity == 0:
            innocent.append(entry.word)
        else:
            words.setdefault(_begin_of(entry), []).append(entry.word)
            with_signs += [entry.word] if _can_begin_word(entry) else []
    words[WORD_BEGIN] = with_signs
    gaps = dict.fromkeys((WORD_BEGIN, _INITIALS_BEGIN), GAP)
    return [
        LexiconRule(WordTree(found + _beside(found, innocent), before, gaps.get(before, "")))
        for before, found in words.items()
    ]


def _begin_of(entry: Entry) -> str:
    """The lookbehind of a word."""
    if entry.word.text.isascii():
        return f"(?<![{LATIN}])"
    if is_initials(entry.word.text[0]):
        return _INITIALS_BEGIN
    return entry.before


def _can_begin_word(entry: Entry) -> bool:
    """Whether it is found at the begin of a word of the text, whatever stands before that."""
    return _begin_of(entry) in ("", WORD_BEGIN) or entry.before.startswith("(?<!")


def _beside(words: Iterable[Word], innocent: Iterable[Word]) -> list[Word]:
    """The innocent words that begin like one of the words."""
    firsts = {word.text[0] for word in words}
    return [word for word in innocent if word.text[0] in firsts]


def _quiz(window: Window, end: int) -> Outcome:
    behind = window.after(end, _QUIZ_BEHIND)
    if behind is None:
        return MORE
    around = unicodedata.normalize("NFC", f"{window.before(_QUIZ_BEFORE)}\n{behind}")
    return Miss(end, PROFANITY, "a quiz about initials", covers=True) if _QUIZ.search(around) else None


def _hit(found: str, word: Word, end: int) -> Hit:
    has_signs = _SIGN.search(found) is not None
    has_jamo = _JAMO.search(found) is not None and _JAMO.search(word.text) is None
    return Hit(
        end=end,
        category=PROFANITY,
        rule="lexicon",
        confidence=_CONFIDENCE_WITH_SIGNS if has_signs else _CONFIDENCE,
        severity=word.severity,
        value=word.text,
        evidence=(f"word {word.text}",),
        steps=("gaps",) * has_signs + ("jamo",) * has_jamo,
    )
