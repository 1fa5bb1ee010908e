"""`vote`: several answers to one request, of which one is given."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import soban.v1 as pb
from soban.generation.choices import ChoiceEvent, choice_count
from soban.generation.collecting import Collected
from soban.generation.routes.card import ENGINE, RouteCard
from soban.generation.routes.election import elect
from soban.generation.routes.going_on import check_any, is_down, most_useful, share_of_time, told
from soban.generation.routes.held import Held
from soban.generation.routes.inquiry import ACCEPTED, Inquiry, passed_over
from soban.generation.target import Target, Visit
from soban.runtime.errors import DeadlineExceeded, InvalidField, SobanError

_logger = logging.getLogger(__name__)

OUTVOTED = "outvoted"
"""Another answer was given."""
LATE = "late"
"""The answer was not there in time, and others were."""

_SHARE_OF_TIME = 0.9
"""Of the time until the deadline; then those decide that are there."""
_LARGE_CHARACTERS = 1_000
"""Comparing more takes milliseconds and is done beside the event loop."""


@dataclass(slots=True)
class _Ballot:
    """One answer on its way."""

    inquiry: Inquiry
    request: pb.GenerateRequest
    held: Held = field(default_factory=Held)
    collected: Collected = field(default_factory=Collected)
    error: SobanError | None = None
    whole: bool = False

    @property
    def answer(self) -> pb.GeneratedChoice:
        return next(iter(self.collected.choices()), pb.GeneratedChoice())


class Vote:
    """Asks each member for `samples` answers, all at once. Some may fail, as long as one answers.

    The elected answer comes as one piece, with its own usage in its Finished; the record has the sum of all.
    `temperature` is that of several samples where the request asks for none or for 0.
    """

    engine = ENGINE

    def __init__(self, card: RouteCard, members: Sequence[Target], samples: int, temperature: float) -> None:
        self.name = card.name
        self._card = card
        self._members = tuple(members)
        self._samples = samples
        self._temperature = temperature

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Target.check`: refused if every member refuses, or if several answers are asked for."""
        if choice_count(request) > 1:
            raise InvalidField("a vote gives one answer", field="options.n")
        check_any(self._members, request)

    async def generate(self, request: pb.GenerateRequest, visit: Visit) -> AsyncGenerator[ChoiceEvent, None]:
        """As `Target.generate`."""
        members = await self._ready(visit)
        ballots = [
            _Ballot(Inquiry(member, visit), self._asked(request, index))
            for index, member in enumerate(member for member in members for _ in range(self._samples))
        ]
        try:
            await _collect(ballots, visit.deadline)
            elected = await self._elected(ballots, request)
            elected.inquiry.outcome = ACCEPTED
        finally:
            for ballot in ballots:
                ballot.inquiry.close()
        for item in elected.held.release(logprobs=request.options.logprobs):
            yield item

    async def model(self) -> pb.Model:
        """As `Target.model`."""
        return await self._card.model(self._members, self._members)

    async def _ready(self, visit: Visit) -> Sequence[Target]:
        """Nobody waits for a member that has no replica, if another one has."""
        down = await asyncio.gather(*(is_down(member) for member in self._members))
        if all(down):
            return self._members
        for member, is_out in zip(self._members, down, strict=True):
            if is_out:
                passed_over(member, visit)
        return [member for member, is_out in zip(self._members, down, strict=True) if not is_out]

    def _asked(self, request: pb.GenerateRequest, index: int) -> pb.GenerateRequest:
        """Answer number `index`: with seed + index, as choices have it, and not greedy if it is one of several."""
        asked = pb.GenerateRequest()
        asked.CopyFrom(request)
        options = asked.options
        if options.HasField("seed"):
            options.seed = (options.seed + index + 2**63) % 2**64 - 2**63
        if self._samples > 1 and not options.temperature:
            options.temperature = self._temperature
        return asked

    async def _elected(self, ballots: Sequence[_Ballot], request: pb.GenerateRequest) -> _Ballot:
        """Raises the most useful error if nobody answered."""
        whole = [ballot for ballot in ballots if ballot.whole]
        for ballot in ballots:
            if ballot.error is not None:
                fields = {"route": self.name, "model": ballot.inquiry.target.name}
                _logger.warning("a vote is missing", extra={**fields, **told(ballot.error)})
        if not whole:
            errors = [ballot.error for ballot in ballots if ballot.error is not None]
            raise most_useful(errors or [DeadlineExceeded("no answer came in time")])
        answers = [ballot.answer for ballot in whole]
        if sum(len(answer.text) for answer in answers) > _LARGE_CHARACTERS:
            return whole[await asyncio.to_thread(elect, answers, request.options)]
        return whole[elect(answers, request.options)]


async def _collect(ballots: Sequence[_Ballot], deadline: float | None) -> None:
    """Returns when all have ended, or most of the time is over. No task is left, however it ends."""
    tasks = [asyncio.create_task(_fill(ballot)) for ballot in ballots]
    wait = share_of_time(deadline, 1)
    try:
        done, _ = await asyncio.wait(tasks, timeout=None if wait is None else wait * _SHARE_OF_TIME)
        for task in done:
            task.result()
        for ballot in ballots:
            if not ballot.whole and ballot.error is None:
                ballot.inquiry.outcome = LATE
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _fill(ballot: _Ballot) -> None:
    try:
        async with aclosing(ballot.inquiry.events(ballot.request)) as events:
            async for item in events:
                ballot.held.add(item)
                ballot.collected.add(*item)
    except SobanError as err:
        ballot.error = err
        ballot.inquiry.failed(err)
    else:
        ballot.whole = True
        ballot.inquiry.outcome = OUTVOTED
