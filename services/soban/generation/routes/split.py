"""`split`: a share of the sessions for each of several models, as for a canary or a comparison."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from hashlib import blake2b

import soban.v1 as pb
from soban.generation.choices import ChoiceEvent
from soban.generation.routes.card import ENGINE, RouteCard
from soban.generation.routes.going_on import check_any
from soban.generation.routes.in_turn import InTurn
from soban.generation.target import Target, Visit


class Split:
    """`shares` are members and their weights. `draw` gives a random number in [0, 1) for requests without a session.

    A session keeps its model as long as the weights stay, and when one weight changes only as many sessions move as the
    shares differ by. If its model fails before any text, or has no replica, the session's next one answers. A weight of
    0 is never asked.
    """

    engine = ENGINE

    def __init__(self, card: RouteCard, shares: Sequence[tuple[Target, float]], draw: Callable[[], float]) -> None:
        self.name = card.name
        self._card = card
        self._members = tuple(member for member, _ in shares)
        self._shares = tuple((member, weight) for member, weight in shares if weight > 0)
        self._draw = draw
        self._in_turn = InTurn(card.name)

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Target.check`: refused only if every member refuses."""
        check_any([member for member, _ in self._shares], request)

    async def generate(self, request: pb.GenerateRequest, visit: Visit) -> AsyncGenerator[ChoiceEvent, None]:
        """As `Target.generate`."""
        async with aclosing(self._in_turn.answer(self.order(request.session), request, visit)) as events:
            async for item in events:
                yield item

    def order(self, session: str) -> list[Target]:
        """The members for one session, its own first.

        Weighted rendezvous hashing: each member draws -ln(u) / weight with a u of its own, and the smallest wins, with
        a probability in proportion to its weight (the first of exponential variables; Schindelhauer and Schomaker,
        "Weighted distributed hash tables", SPAA 2005).
        """

        def drawn(share: tuple[Target, float]) -> float:
            member, weight = share
            number = self._point(session, member.name) if session else self._draw()
            return -math.log(1.0 - number) / weight

        return [member for member, _ in sorted(self._shares, key=drawn)]

    async def model(self) -> pb.Model:
        """As `Target.model`."""
        return await self._card.model(self._members, [member for member, _ in self._shares])

    def _point(self, session: str, member: str) -> float:
        """In [0, 1); the route's name is in it, so that two splits do not divide the sessions alike."""
        key = "\0".join((self.name, member, session)).encode()
        return (int.from_bytes(blake2b(key, digest_size=8).digest()) >> 11) / 2**53
