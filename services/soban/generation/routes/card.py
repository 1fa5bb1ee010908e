"""A route as clients see it among the models."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

import soban.v1 as pb
from soban.generation.target import Target

ENGINE = "soban"
"""What stands for a kind of engine where a route answers."""

# The best first; a route is as ready as the best of those that can answer for it.
_STATES = (
    pb.Model.STATE_READY,
    pb.Model.STATE_SLEEPING,
    pb.Model.STATE_LOADING,
    pb.Model.STATE_UNAVAILABLE,
)


@dataclass(frozen=True, slots=True)
class RouteCard:
    """What is known of a route beside its members. `safety_policy` is empty where the gateway's default applies."""

    name: str
    strategy: str
    safety_policy: str
    created: Timestamp

    async def model(self, members: Sequence[Target], deciding: Sequence[Target]) -> pb.Model:
        """`deciding` are those of the members that alone can answer whatever the route can.

        State, capabilities and context are the best of theirs. Prompts leave the house if any member's do.
        """
        told = await asyncio.gather(*(member.model() for member in members))
        best = [model for member, model in zip(members, told, strict=True) if member in deciding]
        return pb.Model(
            name=self.name,
            state=min((model.state for model in best), key=_rank),
            context_length=max(model.context_length for model in best),
            capabilities=sorted({can for model in best for can in model.capabilities}),
            route_strategy=self.strategy,
            route_models=[member.name for member in members],
            external=any(model.external for model in told),
            safety_policy=self.safety_policy,
            create_time=self.created,
        )


def _rank(state: pb.Model.State.ValueType) -> int:
    return _STATES.index(state) if state in _STATES else len(_STATES)
