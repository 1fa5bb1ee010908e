"""The streams of one command, and whether they show colours."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36", "mark": "7"}
_DEFAULT_COLUMNS = 80


@dataclass(frozen=True)
class Console:
    """Where a command reads and writes. Results go to `out`; notes, progress and errors go to `err`."""

    out: TextIO
    err: TextIO
    stdin: BinaryIO
    env: Mapping[str, str]
    keyboard: bool = False
    """Whether standard input is a terminal."""
    ask: Callable[[str], str] = input
    """Shows a prompt and reads a line from the keyboard; raises EOFError at its end."""

    @classmethod
    def of_process(cls) -> Console:
        """This process's streams. Text that the terminal cannot show becomes `?`; pipes and files get UTF-8."""
        # In this order: what is opened in place of a closed stream gets its descriptor.
        stdin, out, err = _stdin(), _writer(sys.stdout), _writer(sys.stderr)
        return cls(out, err, stdin, os.environ, keyboard=sys.stdin is not None and sys.stdin.isatty())

    def write(self, text: str = "", end: str = "\n") -> None:
        """A result; seen at once."""
        self.out.write(text + end)
        self.out.flush()

    def tell(self, text: str = "") -> None:
        """A line that need not be read. From the first that cannot be written, by whatever cause, `out` is mute."""
        try:
            self.write(text)
        except OSError:
            silence(self.out)

    def note(self, text: str, *styles: str) -> None:
        """A line beside the results."""
        self.err.write(self.styled(self.err, text, *(styles or ("dim",))) + "\n")
        self.err.flush()

    def paint(self, text: str, *styles: str) -> str:
        """`text` for `out`, coloured when it goes to a terminal."""
        return self.styled(self.out, text, *styles)

    def styled(self, stream: TextIO, text: str, *styles: str) -> str:
        """`text` for `stream`."""
        if not text or not self.has_colours(stream):
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"

    def has_colours(self, stream: TextIO) -> bool:
        """On a terminal that is not dumb, unless NO_COLOR is set (https://no-color.org)."""
        return stream.isatty() and not self.env.get("NO_COLOR") and self.env.get("TERM") != "dumb"

    @property
    def columns(self) -> int:
        """Width of the terminal."""
        return shutil.get_terminal_size((_DEFAULT_COLUMNS, 24)).columns


def silence(stream: TextIO | None) -> None:
    """`stream` cannot be written any more; without this Python complains when it flushes at exit."""
    if stream is None:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _writer(stream: TextIO | None) -> TextIO:
    """A closed stream is None and takes everything silently."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - open as long as the process
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
    return stream


def _stdin() -> BinaryIO:
    """Standard input without Python's own reader, whose lock a thread that waits for a line holds at exit."""
    try:
        return open(0, "rb", closefd=False)
    except OSError:
        return open(os.devnull, "rb")  # noqa: PTH123
