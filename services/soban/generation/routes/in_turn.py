"""Members asked one after the other until one answers. Fallback and split differ only in the order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import soban.v1 as pb
from soban.generation.choices import ChoiceEvent
from soban.generation.routes.going_on import (
    is_down,
    may_succeed_elsewhere,
    most_useful,
    refusal_of,
    share_of_time,
    spent,
    told,
)
from soban.generation.routes.held import shows
from soban.generation.routes.inquiry import ACCEPTED, Inquiry, passed_over
from soban.generation.target import Target, Visit
from soban.runtime.errors import DeadlineExceeded, SobanError

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Progress:
    """Whether the caller has seen anything; from then on the member that wrote it ends the answer, well or not."""

    shown: bool = False


class InTurn:
    """`first_text_seconds` is the longest wait for the first text of a member that is not the last."""

    def __init__(self, route: str, first_text_seconds: float | None = None) -> None:
        self._route = route
        self._first_text_seconds = first_text_seconds

    async def answer(
        self, members: Sequence[Target], request: pb.GenerateRequest, visit: Visit
    ) -> AsyncGenerator[ChoiceEvent, None]:
        """The first answer that begins. Raises SobanError: what ended it, or the most useful error of all members.

        A member that has no replica is put after those that have one.
        """
        errors: list[SobanError] = []
        progress = _Progress()
        order = await _ready_first(members, visit)
        for index, member in enumerate(order):
            left = len(order) - index
            wait = share_of_time(visit.deadline, left, self._first_text_seconds) if left > 1 else None
            try:
                async with aclosing(_ask(member, request, visit, wait, progress)) as events:
                    async for item in events:
                        yield item
            except SobanError as err:
                if progress.shown or not _goes_on(err, member, request, visit):
                    raise
                errors.append(err)
                _logger.warning("route goes on", extra={"route": self._route, "model": member.name, **told(err)})
            else:
                return
        raise most_useful(errors)


async def _ask(
    member: Target, request: pb.GenerateRequest, visit: Visit, wait: float | None, progress: _Progress
) -> AsyncGenerator[ChoiceEvent, None]:
    """One member's answer, of which nothing comes before its first text is there."""
    with Inquiry(member, visit) as inquiry:
        async with aclosing(inquiry.events(request)) as events:
            begin = await _begin(events, wait)
            progress.shown = True
            for item in begin:
                yield item
            async for item in events:
                yield item
        inquiry.outcome = ACCEPTED


async def _begin(events: AsyncGenerator[ChoiceEvent, None], wait: float | None) -> list[ChoiceEvent]:
    """Up to the first event that shows something. Raises DeadlineExceeded after `wait` seconds."""
    begin: list[ChoiceEvent] = []
    try:
        async with asyncio.timeout(wait) as limit:
            async for item in events:
                begin.append(item)
                if shows(item):
                    break
    except TimeoutError as err:
        if not limit.expired():
            raise
        raise DeadlineExceeded(f"no text within {wait:g} s, the share of this model") from err
    return begin


def _goes_on(err: SobanError, member: Target, request: pb.GenerateRequest, visit: Visit) -> bool:
    if spent(visit.deadline):
        return False
    return may_succeed_elsewhere(err) or refusal_of(member, request) is not None


async def _ready_first(members: Sequence[Target], visit: Visit) -> Sequence[Target]:
    if len(members) == 1 or not await is_down(members[0]):
        return members
    down = [await is_down(member) for member in members]
    if all(down):
        return members
    ready = [member for member, is_out in zip(members, down, strict=True) if not is_out]
    out = [member for member, is_out in zip(members, down, strict=True) if is_out]
    for member in out:
        passed_over(member, visit)
    return [*ready, *out]
