"""`soban up` as a child process, for a demonstration that is itself only a client."""

from __future__ import annotations

import asyncio
import json
import queue
import sys
from collections.abc import Callable, Sequence
from typing import Any

from soban.cli.failure import EXIT_FAILED, Failure
from soban.runtime.child import Child

_LOOK_SECONDS = 0.2
_STOP_SECONDS = 60.0

OnEvent = Callable[[dict[str, Any]], None]


class Backstage:
    """A stack of our own: started with `arguments` for `soban up`, gone when the `with` is left, however."""

    def __init__(self, arguments: Sequence[str], on_event: OnEvent) -> None:
        """`on_event` is told each event that `until` passes."""
        self._on_event = on_event
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._said: list[str] = []
        self._child = Child([sys.executable, "-m", "soban.cli", "up", "--json", *arguments], sink=self._lines.put)

    def __enter__(self) -> Backstage:
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run(self._child.stop(_STOP_SECONDS))

    def until(self, **wanted: str) -> dict[str, Any]:
        """The next event that has these fields. Raises Failure with what was said when the stack ends before."""
        while True:
            event = self._next_event()
            self._on_event(event)
            if wanted.items() <= event.items():
                return event

    def _next_event(self) -> dict[str, Any]:
        while True:
            try:
                line = self._lines.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if self._child.returncode is not None:
                    raise self._failure(self._child.returncode) from None
                continue
            if line.startswith("{"):
                event: dict[str, Any] = json.loads(line)
                return event
            self._said.append(line)

    def _failure(self, code: int) -> Failure:
        said = self._said[-1].removeprefix("soban: ") if self._said else f"exit code {code}"
        return Failure("cannot start the stack", "START_FAILED", said, exit_code=code if code > 0 else EXIT_FAILED)
