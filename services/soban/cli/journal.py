"""What services write: the last lines in memory, all of it in files or on standard error when asked for."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

STDERR = "-"

_KEPT_LINES = 20
_FILE_BYTES = 16 * 1024 * 1024


class Journal:
    """One for all services. `to` is a folder, `-` for standard error, or None for memory only."""

    def __init__(self, to: str | None, err: TextIO = sys.stderr) -> None:
        self._folder = None if to in (None, STDERR) else Path(to or ".")
        self._err = err if to == STDERR else None
        self._last: dict[str, deque[str]] = {}
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)

    def sink(self, service: str) -> Callable[[str], None]:
        """Takes the lines of one service; called from one thread at a time."""
        last = self._last.setdefault(service, deque(maxlen=_KEPT_LINES))
        file = LogFile(self._folder / f"{service}.log") if self._folder is not None else None

        def take(line: str) -> None:
            last.append(line)
            # A full disk or a reader that has left must not stop the service that writes.
            with contextlib.suppress(OSError):
                self._write(service, line, file)

        return take

    def _write(self, service: str, line: str, file: LogFile | None) -> None:
        if file is not None:
            file.write(line)
        if self._err is not None:
            self._err.write(f"{service:<12} | {line}\n")
            self._err.flush()

    def place(self, service: str) -> str:
        """Where a person finds all lines of a service, or what to give `soban up` so that there is such a place."""
        if self._folder is not None:
            return str(self._folder / f"{service}.log")
        return "soban up --logs -" if self._err is None else f"'{service}' above"

    def last(self, service: str, lines: int = 5) -> list[str]:
        """The last lines of a service."""
        return list(self._last.get(service, ()))[-lines:]

    def complaint(self, service: str) -> str:
        """The line in which a service said why it ended, without `soban: `; empty when it did not."""
        said = [line for line in list(self._last.get(service, ())) if line.startswith("soban: ")]
        return said[-1].removeprefix("soban: ") if said else ""


class LogFile:
    """Grows to 16 MiB, is then renamed to `.1`, and begun anew."""

    def __init__(self, path: Path, most: int = _FILE_BYTES) -> None:
        self._path = path
        self._most = most
        self._file = path.open("ab")

    def write(self, line: str) -> None:
        """Appends; readers see it at once."""
        self._file.write(line.encode("utf-8", "replace") + b"\n")
        self._file.flush()
        if self._file.tell() >= self._most:
            self._file.close()
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            self._file = self._path.open("ab")
