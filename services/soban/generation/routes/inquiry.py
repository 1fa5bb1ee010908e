"""One member of a route asked once: what it used and how it ended go into the route's record."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType

import soban.v1 as pb
from soban.generation.choices import ChoiceEvent
from soban.generation.measure import Record
from soban.generation.target import Target, Visit
from soban.runtime.errors import SobanError

ACCEPTED = "accepted"
"""The answer went to the caller."""
CANCELLED = "cancelled"
"""The caller left before its end."""
NOT_READY = "not_ready"
"""It was not asked, since it has no replica and another member has."""


class Inquiry:
    """Inside its `with` a member answers; at the end, however it comes, the record has it.

    `outcome` is what the step says: CANCELLED until somebody sets it, `error:<REASON>` after a SobanError. A member
    that is a route itself has its own steps before this one, which then has no usage: theirs is the whole of it.
    """

    def __init__(self, target: Target, visit: Visit) -> None:
        self.target = target
        self.outcome = CANCELLED
        self._visit = visit
        self._own = Visit(visit.deadline, Record())

    async def events(self, request: pb.GenerateRequest) -> AsyncGenerator[ChoiceEvent, None]:
        """What the member says. Raises SobanError, of its check as well."""
        self.target.check(request)
        async with aclosing(self.target.generate(request, self._own)) as events:
            async for item in events:
                yield item

    def failed(self, err: SobanError) -> None:
        """It ended with this error."""
        self.outcome = f"error:{err.reason}"

    def close(self) -> None:
        """Writes the step. To be called once."""
        own, whole = self._own.record, self._visit.record
        whole.add(own)
        step = pb.RouteStep(model=self.target.name, outcome=self.outcome)
        if not own.steps:
            step.usage.CopyFrom(own.usage.to_proto())
        whole.steps.append(step)

    def __enter__(self) -> Inquiry:
        return self

    def __exit__(self, _: type[BaseException] | None, err: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(err, SobanError):
            self.failed(err)
        self.close()


def passed_over(target: Target, visit: Visit, outcome: str = NOT_READY) -> None:
    """A step for a member that was not asked."""
    visit.record.steps.append(pb.RouteStep(model=target.name, outcome=outcome, usage=pb.Usage()))
