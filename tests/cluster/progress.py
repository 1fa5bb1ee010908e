"""One line for each step of a run, with the time since its begin and the time that the step took."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TextIO


class Progress:
    """Prints as steps end."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._began = time.monotonic()
        self._scenario = ""

    def scenario(self, name: str) -> None:
        """The steps that follow belong to it."""
        self._scenario = name

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Prints `text` when it has ended, or failed."""
        began, mark = time.monotonic(), "failed after"
        try:
            yield
            mark = ""
        finally:
            self.say(f"{text}  ({mark} {time.monotonic() - began:.1f} s)".replace("( ", "("))

    def say(self, text: str) -> None:
        """Prints a line."""
        since = time.monotonic() - self._began
        print(f"{since:7.1f} s  {self._scenario:<20} {text}", file=self._out, flush=True)
