"""Stop texts: where an answer ends, whatever the borders of tokens and events.

llama.cpp drops text that it held back as a possible stop text when the token limit comes first, and other engines
know no stop texts at all, so Soban looks for them itself.
"""

from __future__ import annotations

from collections.abc import Sequence


class StopMatcher:
    """Passes text on until the first stop text is complete; `found` is then that text.

    The result does not depend on how the text is cut: of all stop texts the one that ends first wins, and of two that
    end together the longer one. Held back is only what may still become a stop text.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self.held = ""
        """What is held back now."""
        self.found = ""

    def push(self, text: str) -> str:
        """The text that is certainly before any stop text; nothing after one was found."""
        if not self._stops:
            return text
        if self.found:
            return ""
        text = self.held + text
        first = min(((text.find(stop) + len(stop), -len(stop)) for stop in self._stops if stop in text), default=None)
        if first is not None:
            end, length = first[0], -first[1]
            self.held, self.found = "", text[end - length : end]
            return text[: end - length]
        begin = len(text) - max((_begun(stop, text) for stop in self._stops), default=0)
        self.held = text[begin:]
        return text[:begin]

    def flush(self) -> str:
        """What was held back, when no more will come."""
        held, self.held = self.held, ""
        return held


def _begun(stop: str, text: str) -> int:
    """How many characters at the end of `text` are the begin of `stop`."""
    longest = min(len(stop) - 1, len(text))
    tail = text[len(text) - longest :]
    if longest == 0 or stop[0] not in tail:
        return 0
    return next((size for size in range(longest, 0, -1) if tail.endswith(stop[:size])), 0)
