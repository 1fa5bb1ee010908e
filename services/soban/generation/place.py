"""A request's place at the engines of a model: what it claims, its waits in the queue, the sequences that it holds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import soban.v1 as pb
from soban.runtime.errors import EngineOverloaded, SobanError

_MOST_RETURNS = 8


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request asks for: `need` sequences at once, for `work` tokens of prompt and answer in all.

    `deadline` is on the clock of `time.monotonic`. An unknown priority counts as NORMAL.
    """

    need: int
    priority: pb.Priority.ValueType
    tenant: str
    work: float
    deadline: float | None


@dataclass(slots=True, eq=False)
class Turn:
    """One wait in the queue. `admitted` is set when it is over; then it has `taken` sequences or is `refused`."""

    level: int
    tenant: str
    work: float
    need: int
    deadline: float | None
    since: float
    admitted: asyncio.Future[None]
    timer: asyncio.TimerHandle | None = None
    queued: bool = True
    taken: int = 0
    refused: SobanError | None = None


class Door(Protocol):
    """Where places are entered and left: the Admission."""

    async def enter(self, place: Place) -> None:
        """Returns when it holds its sequences."""

    async def enter_again(self, place: Place, retry_after: float | None, sequences: int | None) -> None:
        """Gives sequences back and returns when it holds them again."""

    def leave(self, place: Place) -> None:
        """Gives back what it holds."""


class Place:
    """Sequences held inside the `async with`. Whoever holds them sets `completed` at the end of an answer: only then
    the stay is a measure of speed."""

    __slots__ = ("_door", "_returns", "began", "claim", "completed", "taken")

    def __init__(self, door: Door, claim: Claim) -> None:
        self.claim = claim
        self.completed = False
        self.taken = 0
        """Sequences held now; fewer than claimed where all replicas together have fewer."""
        self.began = 0.0
        """When they were taken, on the admission's clock."""
        self._door = door
        self._returns = 0

    async def __aenter__(self) -> Place:
        await self._door.enter(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, _: TracebackType | None
    ) -> None:
        self._door.leave(self)

    async def requeue(self, retry_after: float | None, sequences: int | None = None) -> None:
        """After an engine's 429 or 503: gives sequences back, all or as many as said, and waits again in front.

        `retry_after` is what the engine said, in seconds. The deadline stays. Raises what entering raises, and
        EngineOverloaded when engines refused the request eight times for each sequence, or will until its deadline.
        """
        self._returns += 1
        if self._returns > _MOST_RETURNS * self.claim.need:
            raise EngineOverloaded("the engines of this model refuse this request each time", retry_after=retry_after)
        await self._door.enter_again(self, retry_after, sequences)
