"""A shape at work on a window."""

from __future__ import annotations

import re

from soban.safety.outcomes import MORE, Wait, Window
from soban.safety.shapes import Shape


class Pattern:
    """A compiled shape."""

    def __init__(self, shape: Shape) -> None:
        self.trigger = f"(?:{shape.full}|{shape.part})"
        self._full = re.compile(shape.full)
        self._part = re.compile(shape.part)

    def match(self, window: Window) -> re.Match[str] | Wait | None:
        """What matches at `window.at`, once it is sure that it gets no longer and what stands behind it is known."""
        if not window.closed and self._part.match(window.text, window.at, window.end):
            return MORE
        match = self._full.match(window.text, window.at, window.end)
        if match is not None and match.end() == window.end and not window.closed:
            return MORE
        return match
