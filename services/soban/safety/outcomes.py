"""What a rule says about one position of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, TypeAlias

CONTEXT: Final = 48
"""Folded code points before a position that a rule may look at."""
WINDOW: Final = 512
"""Code points of the text as sent, from a position on, that decide about it; whatever is longer is no match."""


class Wait(Enum):
    """The text so far does not decide."""

    MORE = "more"


MORE: Final = Wait.MORE


@dataclass(frozen=True, slots=True)
class Hit:
    """Something begins here; `end` is the folded position after it, `value` what makes two of them equal.

    `confidence` is from 0 to 1, `severity` from 1 (low) to 4 (critical).
    """

    end: int
    category: str
    rule: str
    confidence: float
    severity: int
    value: str
    evidence: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    """What the rule itself had to see through, beside folding."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A candidate was looked at and dropped. One with `covers` is an innocent word: nothing inside it counts."""

    end: int
    category: str
    reason: str
    covers: bool = False


Outcome: TypeAlias = Hit | Miss | Wait | None


@dataclass(slots=True)
class Window:
    """The text around a position, folded.

    `at` is the position, `end` where the text ends that may be used. `closed` says that nothing beyond `end` can
    matter: the text is over or the window full. `after_hit` says that a hit ended exactly here.
    """

    text: str
    at: int
    end: int
    closed: bool
    after_hit: bool
    origin: Sequence[int]

    def before(self, most: int = CONTEXT) -> str:
        """Up to `most` characters before the position."""
        return self.text[max(0, self.at - min(most, CONTEXT)) : self.at]

    def after(self, position: int, most: int) -> str | None:
        """Up to `most` characters from `position` on; None when more of them may come."""
        if not self.closed and position + most > self.end:
            return None
        return self.text[position : min(position + most, self.end)]

    def joined(self, position: int) -> bool:
        """Whether a digit stands directly before `position` in the text as sent, too."""
        if position == 0 or not self.text[position - 1].isdecimal():
            return False
        return position >= len(self.origin) or self.origin[position] - self.origin[position - 1] == 1


class Rule(Protocol):
    """Finds one kind of thing."""

    @property
    def starts(self) -> str:
        """Body of a character class with every character it can begin with."""

    @property
    def trigger(self) -> str:
        """Regular expression that matches wherever `look` may say anything but None, possibly elsewhere, too."""

    def look(self, window: Window) -> Outcome:
        """What begins at `window.at`; a function of the window alone.

        Once it says anything but MORE for a window, it says the same for every window that goes on from there.
        """
