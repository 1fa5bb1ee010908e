"""Which job goes to which worker, and when.

Two rules. Short jobs never wait for long ones: at least one worker is free of long jobs, and short jobs are sent ahead
to a worker so that it never waits for its next one. Callers take turns, so that one huge text holds up nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol

from soban.runtime.errors import Cancelled, EngineLost, Internal, QueueFull, SobanError
from soban.tokenization.analysis.cost import SHORT, WHOLE
from soban.tokenization.analysis.fair_queue import FairQueue
from soban.tokenization.analysis.job import Job, Outcome

_AHEAD = SHORT
"""Cost of the jobs that are sent to a worker ahead of time, at most by one job."""

_DEATHS = 2
"""Workers that may die over a job: the first death may have had another cause."""
_SETTLING_SECONDS = 0.05

_MOST_WAITING = 4_096
"""Jobs that wait, some seconds of work. More are refused, so that callers go elsewhere rather than time out."""


@dataclass(slots=True)
class Ticket:
    """A job with its cost and the answer that somebody waits for."""

    caller: Hashable
    job: Job
    cost: int
    answer: asyncio.Future[bytes]
    deaths: int = 0
    """Workers that died over it."""

    @property
    def long(self) -> bool:
        """Whether it may take more than a few milliseconds."""
        return self.cost > SHORT


class Link(Protocol):
    """The way to a worker."""

    def send(self, frame: bytes) -> None:
        """Sends without waiting."""


@dataclass(eq=False, slots=True)
class Seat:
    """A worker as the scheduler sees it: the jobs that it was sent and has not answered, oldest first."""

    link: Link
    sent: deque[Ticket] = field(default_factory=deque)
    load: int = 0

    @property
    def long(self) -> bool:
        """Whether it works on a long job."""
        return bool(self.sent) and self.sent[0].long


class Scheduler:
    """Hands out jobs. Lives in one event loop."""

    def __init__(self) -> None:
        self._seats: list[Seat] = []
        self._short: FairQueue[Ticket] = FairQueue()
        self._long: FairQueue[Ticket] = FairQueue()

    @property
    def workers(self) -> int:
        """How many there are now."""
        return len(self._seats)

    def submit(self, caller: Hashable, job: Job, cost: int) -> asyncio.Future[bytes]:
        """The future answer, an encoded `AnalyzeBatchResponse`, or QueueFull. Cancel it to take the job back."""
        ticket = Ticket(caller, job, cost, asyncio.get_running_loop().create_future())
        if len(self._short) + len(self._long) >= _MOST_WAITING:
            _fail(ticket, QueueFull("too many texts wait to be analysed"))
        else:
            self._queue_of(ticket).put(caller, ticket)
            self._hand_out()
        return ticket.answer

    def joined(self, link: Link) -> Seat:
        """A worker is ready."""
        seat = Seat(link)
        self._seats.append(seat)
        self._hand_out()
        return seat

    def left(self, seat: Seat) -> None:
        """A worker died. Its jobs go to others; the one that it worked on fails if it was not the first to die so."""
        self._seats.remove(seat)
        if seat.sent:
            seat.sent[0].deaths += 1
        for ticket in reversed(seat.sent):
            if ticket.deaths >= _DEATHS:
                _fail(ticket, EngineLost("the process that analysed this text ended; the text may be the cause"))
            else:
                self._queue_of(ticket).put_back(ticket.caller, ticket)
        # Workers often die together, and each is noticed by itself.
        asyncio.get_running_loop().call_later(_SETTLING_SECONDS, self._hand_out)

    def answered(self, seat: Seat, outcome: Outcome, answer: bytes) -> None:
        """A worker finished its oldest job."""
        ticket = seat.sent.popleft()
        seat.load -= ticket.cost
        self._hand_out()
        if outcome is not Outcome.DONE:
            _fail(ticket, Internal("the analysis of a text failed; the worker's log has more"))
        elif not ticket.answer.done():
            ticket.answer.set_result(answer)

    def withdraw(self, caller: Hashable) -> None:
        """Forgets the jobs of this caller that no worker has yet."""
        self._short.drop(caller)
        self._long.drop(caller)

    def close(self) -> None:
        """Fails what still waits."""
        for queue in (self._short, self._long):
            while queue:
                _fail(queue.take(), Cancelled("the server stops"))

    def _queue_of(self, ticket: Ticket) -> FairQueue[Ticket]:
        return self._long if ticket.long else self._short

    def _hand_out(self) -> None:
        free = sorted((seat for seat in self._seats if not seat.long), key=lambda seat: seat.load)
        kept_for_long = self._wanted_for_long(len(free))
        for seat in free[:kept_for_long]:
            if not seat.sent:
                self._send_next(self._long, seat)
        self._send_long_ahead()
        open_to_short = free[kept_for_long:]
        while self._short and open_to_short:
            seat = min(open_to_short, key=lambda seat: seat.load)
            if seat.load >= _AHEAD:
                return
            self._send_next(self._short, seat)

    def _send_long_ahead(self) -> None:
        """One job behind an ordinary one, once every worker that may have a long job has one.

        Behind a dear one it could not be taken back in time when its caller leaves.
        """
        at_long = [seat for seat in self._seats if seat.long]
        if len(self._seats) == 1 or len(at_long) < len(self._seats) - 1:
            return
        for seat in at_long:
            if len(seat.sent) == 1 and seat.load <= WHOLE:
                self._send_next(self._long, seat)

    def _wanted_for_long(self, free: int) -> int:
        """How many of the free workers take no more short jobs, so that they can take a long one."""
        if len(self._seats) == 1:
            return int(bool(free and self._long and not self._short))
        return min(free - 1, len(self._long)) if free else 0

    def _send_next(self, queue: FairQueue[Ticket], seat: Seat) -> None:
        while queue:
            ticket = queue.take()
            if not ticket.answer.done():
                seat.sent.append(ticket)
                seat.load += ticket.cost
                seat.link.send(ticket.job.frame())
                return


def _fail(ticket: Ticket, error: SobanError) -> None:
    if not ticket.answer.done():
        ticket.answer.set_exception(error)
