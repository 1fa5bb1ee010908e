"""How often a stream is read: at once while it is slow, seldom while it is fast.

A delta costs some 50 microseconds of CPU on each side of each of four hops, a token in a merged one next to nothing.
So after a delta its stream rests, and what the engine sends meanwhile makes up the next delta. No timer, task or
message belongs to a token.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from aiohttp import ClientResponse

from soban.runtime.errors import EngineLost

_LONGEST_REST = 0.25


class Pace:
    """`interval` seconds between two deltas of a stream, more when all streams together would pass `rate` a second.

    At the bundled model's speed, 32 streams without the second bound make as many deltas as tokens, at three times the
    CPU for each.
    """

    def __init__(self, interval: float, rate: float) -> None:
        self.interval = interval
        self._rate = rate
        self._streams = 0

    def rest(self) -> float:
        """Seconds that a stream rests after a delta now."""
        return max(self.interval, min(_LONGEST_REST, self._streams / self._rate))

    @contextlib.contextmanager
    def reading(self, response: ClientResponse, silence: float) -> Iterator[PacedReader]:
        """A reader of the body of `response`, which counts as a stream until the end of the `with`."""
        self._streams += 1
        try:
            yield PacedReader(response, self, silence)
        finally:
            self._streams -= 1


class PacedReader:
    """Reads a body; call `sent` after each delta.

    A body that stays silent for `silence` seconds raises EngineLost: engines send signs of life.
    """

    def __init__(self, response: ClientResponse, pace: Pace, silence: float) -> None:
        self._content = response.content
        self._transport = response.connection.transport if response.connection else None
        self._pace = pace
        self._silence = silence
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._ended = asyncio.Event()
        self._content.on_eof(self._ended.set)

    def sent(self) -> None:
        """A delta went out: the next read waits for its time."""
        self._due = self._loop.time() + self._pace.rest()

    async def read(self) -> bytes:
        """Everything that has come, at least one byte; empty at the end."""
        rest = self._due - self._loop.time()
        if rest > 0:
            await self._rest(rest)
        try:
            async with asyncio.timeout(self._silence):
                return await self._content.readany()
        except TimeoutError as err:
            raise EngineLost("the engine fell silent") from err

    async def _rest(self, seconds: float) -> None:
        """Over when the body is. Only in a crowd the socket is left alone, too, and the end waits with the rest.

        That saves a wake-up, a system call and an HTTP chunk for each token: a third of what it costs here.
        """
        if seconds > self._pace.interval and self._transport is not None and not self._ended.is_set():
            self._transport.pause_reading()
            try:
                await asyncio.sleep(seconds)
            finally:
                self._transport.resume_reading()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
