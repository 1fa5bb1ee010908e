"""`fallback`: the first of several models that can answer does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import soban.v1 as pb
from soban.generation.choices import ChoiceEvent
from soban.generation.routes.card import ENGINE, RouteCard
from soban.generation.routes.going_on import check_any
from soban.generation.routes.in_turn import InTurn
from soban.generation.target import Target, Visit


class Fallback:
    """Asks the members in order until one writes; then that one's answer stands, with its error if it breaks.

    The next is asked after errors that are not the request's own, after a context that is too short, and when a member
    is silent for its share of the time.
    """

    engine = ENGINE

    def __init__(self, card: RouteCard, members: Sequence[Target], first_text_seconds: float | None = None) -> None:
        self.name = card.name
        self._card = card
        self._members = tuple(members)
        self._in_turn = InTurn(card.name, first_text_seconds)

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Target.check`: refused only if every member refuses."""
        check_any(self._members, request)

    async def generate(self, request: pb.GenerateRequest, visit: Visit) -> AsyncGenerator[ChoiceEvent, None]:
        """As `Target.generate`."""
        async with aclosing(self._in_turn.answer(self._members, request, visit)) as events:
            async for item in events:
                yield item

    async def model(self) -> pb.Model:
        """As `Target.model`."""
        return await self._card.model(self._members, self._members)
