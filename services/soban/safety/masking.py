"""Placeholders: what stands in the text in place of what was masked."""

from __future__ import annotations

import re

from soban.safety.taxonomy import CATEGORIES

_WRITTEN = re.compile(rf"\[({'|'.join(name.ko for name in CATEGORIES.values())})_([0-9]{{1,6}})\]")


class Placeholders:
    """The placeholders of one request, or of one lane of a stream: `[전화번호_1]`, `[전화번호_2]`.

    Equal values share one. Text that looks like a placeholder keeps its number for itself if it comes before that
    number is given away; afterwards its brackets are written full-width, so that the two cannot be confused.
    """

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], int] = {}
        self._used: dict[str, set[int]] = {}
        self._reserved: dict[str, set[int]] = {}

    def copy(self) -> Placeholders:
        """Another one that knows what this one knows."""
        other = Placeholders()
        other._given = dict(self._given)
        other._used = {word: set(numbers) for word, numbers in self._used.items()}
        other._reserved = {word: set(numbers) for word, numbers in self._reserved.items()}
        return other

    def of(self, category: str, value: str) -> str:
        """The placeholder of a value."""
        word = CATEGORIES[category].ko
        number = self._given.get((word, value))
        if number is None:
            number = self._next(word)
            self._given[word, value] = number
            self._used.setdefault(word, set()).add(number)
        return f"[{word}_{number}]"

    def meet(self, text: str, *, is_echo: bool = False) -> str:
        """What to write for a piece of text that looks like a placeholder. An echo of ours stays as it is."""
        written = _WRITTEN.fullmatch(text)
        if written is None:
            return text
        word, number = written[1], int(written[2])
        if number in self._used.get(word, ()) and not is_echo:
            return f"［{text[1:-1]}］"
        self._reserved.setdefault(word, set()).add(number)
        return text

    def reserve(self, text: str) -> None:
        """Keeps the numbers of all placeholders that stand in a text."""
        for word, number in _WRITTEN.findall(text):
            self._reserved.setdefault(word, set()).add(int(number))

    def _next(self, word: str) -> int:
        number = len(self._used.get(word, ())) + 1
        taken = self._used.get(word, set()) | self._reserved.get(word, set())
        while number in taken:
            number += 1
        return number
