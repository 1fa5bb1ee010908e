"""How often a stream is read: at once while it is slow, seldom while it is fast.

A delta costs some 50 microseconds of CPU on each side of each of four hops, a token in a merged one next to nothing.
So after a delta its stream rests, and what the engine sends meanwhile makes up the next delta. No timer, task or
message belongs to a single token.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aiohttp import ClientConnectionError, ClientResponse

from soban.runtime.errors import EngineLost

_LONGEST_REST = 0.25
_LOOKS = 4


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds after which a stream is given up."""

    silence: float
    """Without a byte, signs of life included."""
    idle: float
    """Without anything to show, signs of life or not: a server may answer while its model hangs."""
    grace: float
    """Without a byte while the engine is known to be away."""
    up: Callable[[], bool]
    """Whether the engine is not known to be away."""


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
    def reading(self, response: ClientResponse, patience: Patience) -> Iterator[PacedReader]:
        """A reader of the body of `response`, which counts as a stream until the end of the `with`."""
        self._streams += 1
        reader = PacedReader(response, self, patience)
        try:
            yield reader
        finally:
            reader.close()
            self._streams -= 1


class PacedReader:
    """Reads a body; call `sent` after each delta. Raises EngineLost when patience is at its end."""

    def __init__(self, response: ClientResponse, pace: Pace, patience: Patience) -> None:
        self._response = response
        self._transport = response.connection.transport if response.connection else None
        self._pace = pace
        self._patience = patience
        self._look_seconds = min(patience.silence, patience.idle, patience.grace) / _LOOKS
        self._loop = asyncio.get_running_loop()
        self.due = 0.0
        """When the next read is, on the loop's clock."""
        self._crowded = False
        self._resting: asyncio.Future[None] | None = None
        self._listening_since: float | None = None
        self._shown_at = self._loop.time()
        self._given_up = ""
        self._watch = self._loop.call_later(self._look_seconds, self._look)
        response.content.on_eof(self._wake)

    def sent(self) -> None:
        """A delta went out: the next read waits for its time.

        That is the next multiple of the rest on the loop's clock, so that streams of one pace wake together: messages
        that leave together cost every process on their way fewer wake-ups and system calls.
        """
        self._shown_at = self._loop.time()
        rest = self._pace.rest()
        self._crowded = rest > self._pace.interval
        self.due = (self._shown_at // rest + 1) * rest if rest else 0.0

    async def read(self) -> bytes:
        """Everything that has come, at least one byte; empty at the end."""
        rest = self.due - self._loop.time()
        if rest > 0 and not self._response.content.is_eof():
            await self._rest(rest)
        self._listening_since = self._loop.time()
        try:
            return await self._response.content.readany()
        except ClientConnectionError:
            if self._given_up:
                raise EngineLost(self._given_up) from None
            raise
        finally:
            self._listening_since = None

    def close(self) -> None:
        """To be called when nothing more is read."""
        self._watch.cancel()

    async def _rest(self, seconds: float) -> None:
        """Ends with the body, too. Only in a crowd the socket is left alone, and so the end waits with the rest.

        That saves a wake-up, a system call and the parts of an HTTP chunk for each token.
        """
        paused = self._transport if self._crowded else None
        if paused is not None:
            paused.pause_reading()
        self._resting = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._wake)
        try:
            await self._resting
        finally:
            timer.cancel()
            self._resting = None
            if paused is not None:
                paused.resume_reading()

    def _wake(self) -> None:
        if self._resting is not None and not self._resting.done():
            self._resting.set_result(None)

    def _look(self) -> None:
        """One timer looks after the whole stream; one for each read would cost more than the read."""
        since, now = self._listening_since, self._loop.time()
        if since is not None and now - since >= self._patience.silence:
            self._give_up("the engine fell silent")
        elif since is not None and now - since >= self._patience.grace and not self._patience.up():
            self._give_up("the engine is away, and its stream is silent")
        elif since is not None and now - self._shown_at >= self._patience.idle:
            self._give_up("the engine lives and writes nothing")
        else:
            self._watch = self._loop.call_later(self._look_seconds, self._look)

    def _give_up(self, why: str) -> None:
        self._given_up = why
        self._response.close()
