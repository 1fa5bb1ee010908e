"""The service's end of a worker's connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import cast

from soban.tokenization.analysis.job import ANSWER_HEADER, Outcome
from soban.tokenization.analysis.scheduler import Scheduler, Seat


class WorkerLink(asyncio.Protocol):
    """Seats the worker with the scheduler while it is connected. `on_change` is told when it comes and when it goes."""

    def __init__(self, scheduler: Scheduler, on_change: Callable[[WorkerLink], None]) -> None:
        self._scheduler = scheduler
        self._on_change = on_change
        self._received = bytearray()
        self._seat: Seat | None = None
        self._transport: asyncio.WriteTransport | None = None

    @property
    def open(self) -> bool:
        """Whether the worker is there."""
        return self._seat is not None

    def send(self, frame: bytes) -> None:
        """Sends a job."""
        if self._transport is not None:
            self._transport.write(frame)

    def close(self) -> None:
        """Lets the worker go."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The worker is ready."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._seat = self._scheduler.joined(self)
        self._on_change(self)

    def connection_lost(self, _: Exception | None) -> None:
        """The worker is gone."""
        seat, self._seat = self._seat, None
        if seat is not None:
            self._scheduler.left(seat)
        self._on_change(self)

    def data_received(self, data: bytes) -> None:
        """Hands on the answers that are complete."""
        self._received += data
        for outcome, answer in self._answers():
            if self._seat is not None:
                self._scheduler.answered(self._seat, outcome, answer)

    def _answers(self) -> Iterator[tuple[Outcome, bytes]]:
        begin, head = 0, ANSWER_HEADER.size
        while len(self._received) - begin >= head:
            size, outcome = ANSWER_HEADER.unpack_from(self._received, begin)
            end = begin + head + size
            if end > len(self._received):
                break
            yield Outcome(outcome), bytes(self._received[begin + head : end])
            begin = end
        del self._received[:begin]
