"""Server-sent events from bytes: strict, incremental, no I/O.

The format is the one of https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream. Only
`data` matters to engines; other fields and comments (signs of life) are read over.
"""

from __future__ import annotations

_MAX_EVENT_BYTES = 4 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class EventTooLarge(Exception):  # noqa: N818 - named by what went wrong
    """An event is over the bound; its stream can only be given up."""


class SseParser:
    """`feed` it what arrives, however it is cut; it answers with the data of each event that is complete.

    Lines may end in CRLF, LF or CR. Memory is bounded: an event of more than `max_event_bytes` raises EventTooLarge.
    """

    def __init__(self, max_event_bytes: int = _MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._after_cr = False
        self._begun = False

    def feed(self, received: bytes) -> list[bytes]:
        """The data of the events that `received` completes, in order; several data lines are joined by LF."""
        if b"\r" in received or self._after_cr:
            received = self._without_cr(received)
        if b"\n" not in received:
            self._keep(received)
            return []
        if self._rest:
            received = b"".join([*self._rest, received])
        if not self._begun:
            self._begun = True
            received = received.removeprefix(_BOM)
        *lines, rest = received.split(b"\n")
        self._rest, self._rest_bytes = [], 0
        events = self._events(lines)
        self._keep(rest)
        return events

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self._add(line[6:] if line.startswith(b" ", 5) else line[5:])
            elif line == b"data":
                self._add(b"")
            elif not line and self._data:
                events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data, self._data_bytes = [], 0
        return events

    def _add(self, line: bytes) -> None:
        self._data_bytes += len(line) + 1
        self._check(self._data_bytes)
        self._data.append(line)

    def _keep(self, part: bytes) -> None:
        if part:
            self._rest_bytes += len(part)
            self._check(self._data_bytes + self._rest_bytes)
            self._rest.append(part)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise EventTooLarge(f"an event is longer than {self._limit} bytes")

    def _without_cr(self, received: bytes) -> bytes:
        """LF for every line end. A CR counts at once, so the LF that may follow in the next bytes must not."""
        if self._after_cr and received:
            received = received.removeprefix(b"\n")
            self._after_cr = False
        if received.endswith(b"\r"):
            self._after_cr = True
        return received.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
