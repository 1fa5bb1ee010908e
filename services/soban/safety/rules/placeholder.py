"""Text that looks like one of our placeholders, such as `[전화번호_1]`, so that nobody takes it for one."""

from __future__ import annotations

from typing import Final

from soban.safety.outcomes import MORE, Hit, Outcome, Window
from soban.safety.rules.matching import Pattern
from soban.safety.shapes import any_text, digits, text
from soban.safety.taxonomy import CATEGORIES

LOOKALIKE: Final = "placeholder"
"""Category of such a hit; it is no finding."""


class PlaceholderRule:
    """A category's word and a number in brackets."""

    starts = r"\["

    def __init__(self) -> None:
        words = (name.ko for name in CATEGORIES.values())
        self._pattern = Pattern(text("[") + any_text(*words) + text("_") + digits(1, 6) + text("]"))
        self.trigger = self._pattern.trigger

    def look(self, window: Window) -> Outcome:
        """A look-alike at the position."""
        match = self._pattern.match(window)
        if match is None or match is MORE:
            return match
        return Hit(match.end(), LOOKALIKE, LOOKALIKE, 1.0, 0, match.group())
