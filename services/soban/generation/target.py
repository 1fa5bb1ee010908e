"""What a client can name: a model, a domain profile of one, or a route over others."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

import soban.v1 as pb
from soban.generation.choices import ChoiceEvent
from soban.generation.measure import Record


@dataclass(slots=True)
class Visit:
    """One request on its way. `deadline` is on the clock of `time.monotonic`; None where the caller has none."""

    deadline: float | None = None
    record: Record = field(default_factory=Record)


class Target(Protocol):
    """Answers requests under one name. Requests come as the client sent them, and are checked by `validate` already."""

    @property
    def name(self) -> str:
        """What clients send as model."""

    @property
    def engine(self) -> str:
        """Kind of engine behind it; "soban" for a route."""

    def check(self, request: pb.GenerateRequest) -> None:
        """Raises InvalidField and NotBuilt for what can never be answered under this name; no I/O."""

    def generate(self, request: pb.GenerateRequest, visit: Visit) -> AsyncGenerator[ChoiceEvent, None]:
        """Yields Started once, whose `model` is the one that answers, pieces, a Finished for each choice.

        Writes usage, cost, resumes and steps into `visit.record`. Raises SobanError.
        """

    async def model(self) -> pb.Model:
        """What clients may know of it."""
