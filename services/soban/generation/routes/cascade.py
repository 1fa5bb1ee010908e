"""`cascade`: a small model answers, and a larger one where that is not good enough."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import soban.v1 as pb
from soban.generation.choices import ChoiceEvent
from soban.generation.routes.card import ENGINE, RouteCard
from soban.generation.routes.escalation import Escalation, Judge
from soban.generation.routes.going_on import is_down, share_of_time, spent, told
from soban.generation.routes.held import Held, without_logprobs
from soban.generation.routes.inquiry import ACCEPTED, Inquiry, passed_over
from soban.generation.target import Target, Visit
from soban.runtime.errors import DeadlineExceeded, SobanError

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Attempt:
    """One member's answer while it is held."""

    judge: Judge
    held: Held = field(default_factory=Held)
    shown: bool = False
    objection: str | None = None


class Cascade:
    """Members from small to large. All answers but the last one's are held until they are judged.

    An answer is left as soon as a test is sure to fail; then, and after any error, the next member is asked. The last
    one's answer streams as it comes, and stands. Each gets an equal share of the time that is left.
    """

    engine = ENGINE

    def __init__(self, card: RouteCard, members: Sequence[Target], escalation: Escalation) -> None:
        self.name = card.name
        self._card = card
        self._members = tuple(members)
        self._escalation = escalation

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Target.check`: refused if the last member refuses, which has to answer what the others do not."""
        self._members[-1].check(request)

    async def generate(self, request: pb.GenerateRequest, visit: Visit) -> AsyncGenerator[ChoiceEvent, None]:
        """As `Target.generate`."""
        for index, member in enumerate(self._members[:-1]):
            attempt = _Attempt(self._escalation.judge(request))
            wait = share_of_time(visit.deadline, len(self._members) - index)
            async with aclosing(self._try(member, request, visit, wait, attempt)) as events:
                async for item in events:
                    yield item
            if attempt.shown:
                return
        with Inquiry(self._members[-1], visit) as inquiry:
            async with aclosing(inquiry.events(request)) as events:
                async for item in events:
                    yield item
            inquiry.outcome = ACCEPTED

    async def model(self) -> pb.Model:
        """As `Target.model`."""
        return await self._card.model(self._members, self._members[-1:])

    async def _try(
        self, member: Target, request: pb.GenerateRequest, visit: Visit, wait: float | None, attempt: _Attempt
    ) -> AsyncGenerator[ChoiceEvent, None]:
        """A smaller member's answer if it is good enough, else nothing. Raises what ended it after text was shown."""
        if await is_down(member):
            passed_over(member, visit)
            return
        try:
            async with aclosing(self._judged(member, request, visit, wait, attempt)) as events:
                async for item in events:
                    yield item
        except SobanError as err:
            if attempt.shown or spent(visit.deadline):
                raise
            _logger.warning("route goes on", extra={"route": self.name, "model": member.name, **told(err)})

    async def _judged(
        self, member: Target, request: pb.GenerateRequest, visit: Visit, wait: float | None, attempt: _Attempt
    ) -> AsyncGenerator[ChoiceEvent, None]:
        wanted = request.options.logprobs
        with Inquiry(member, visit) as inquiry:
            async with aclosing(inquiry.events(self._asked(request))) as events:
                await _hold(events, attempt, wait)
                if attempt.objection is not None:
                    inquiry.outcome = attempt.objection
                    return
                attempt.shown = True
                for item in attempt.held.release(logprobs=wanted):
                    yield item
                async for item in events:
                    yield item if wanted else without_logprobs(item)
            inquiry.outcome = ACCEPTED

    def _asked(self, request: pb.GenerateRequest) -> pb.GenerateRequest:
        """With log-probabilities where a test needs them."""
        if request.options.logprobs or not self._escalation.needs_logprobs:
            return request
        asked = pb.GenerateRequest()
        asked.CopyFrom(request)
        asked.options.logprobs = True
        return asked


async def _hold(events: AsyncGenerator[ChoiceEvent, None], attempt: _Attempt, wait: float | None) -> None:
    """Reads until it is decided. Raises DeadlineExceeded after `wait` seconds."""
    judge = attempt.judge
    try:
        async with asyncio.timeout(wait) as limit:
            async for item in events:
                attempt.held.add(item)
                attempt.objection = judge.hear(item)
                if attempt.objection is not None or judge.may_commit:
                    return
    except TimeoutError as err:
        if not limit.expired():
            raise
        raise DeadlineExceeded(f"no answer within {wait:g} s, the share of this model") from err
    attempt.objection = judge.objection()
