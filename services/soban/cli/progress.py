"""A line on the terminal that says how far long work is."""

from __future__ import annotations

import time
from collections.abc import Callable

from soban.cli.console import Console

_QUIET_SECONDS = 2.0
_REDRAW_SECONDS = 0.5
_ERASE = "\r\x1b[K"


class Progress:
    """Counts lines; shown on standard error after two seconds, and only where it disturbs no output."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._visible = console.err.isatty() and not console.out.isatty()
        self._began = clock()
        self._drawn = self._began + _QUIET_SECONDS - _REDRAW_SECONDS
        self._shown = False
        self.done = 0
        self.failed = 0

    def count(self, failed: bool) -> None:
        """One more line is done."""
        self.done += 1
        self.failed += failed
        now = self._clock()
        if self._visible and now - self._drawn >= _REDRAW_SECONDS:
            self._drawn = now
            self._draw(now - self._began)

    def erase(self) -> None:
        """Takes the line away."""
        if self._shown:
            self._console.err.write(_ERASE)
            self._console.err.flush()
            self._shown = False

    def _draw(self, seconds: float) -> None:
        errors = f", {self.failed:,} failed" if self.failed else ""
        self._console.err.write(f"{_ERASE}{self.done:,} lines{errors}, {self.done / seconds:,.0f}/s")
        self._console.err.flush()
        self._shown = True
