"""Groups of replicas that take a given share of the requests each, such as a canary's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

from soban.generation.choosing.demand import Candidate
from soban.generation.choosing.ring import key_of

C = TypeVar("C", bound=Candidate)

_GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it modulo 1 fall into every interval as often as its length says, with the least deviation of all steps
(Knuth, TAOCP 3, 6.4, theorem S)."""
_KEYS = 2.0**64


class Shares:
    """Requests by weight. A group without a candidate gives its share to the others, in proportion."""

    def __init__(self, random: Random) -> None:
        self._position = random.random()

    def of_one_group(self, candidates: Sequence[C], session: str) -> Sequence[C]:
        """All candidates where no group has a weight. A session stays with its group while weights and groups do, and
        a changed weight moves only the sessions that it must."""
        if all(candidate.weight is None for candidate in candidates):
            return candidates
        weights = _weights(candidates)
        group = _group_of_session(weights, session) if session else self._next_group(weights)
        return [candidate for candidate in candidates if candidate.group == group]

    def _next_group(self, weights: Mapping[int, float]) -> int:
        self._position = (self._position + _GOLDEN) % 1.0
        left = self._position * sum(weights.values())
        for group, weight in weights.items():
            left -= weight
            if left < 0:
                return group
        return max(weights, key=weights.__getitem__)


def _weights(candidates: Sequence[Candidate]) -> dict[int, float]:
    """By group, in order. Where it has none a replica counts 1; groups of weight 0 count if nobody else is there."""
    weights: dict[int, float] = {}
    for candidate in candidates:
        counted = weights.get(candidate.group, 0.0) + 1.0
        weights[candidate.group] = counted if candidate.weight is None else candidate.weight
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1.0)
    return {group: weights[group] for group in sorted(weights)}


def _group_of_session(weights: Mapping[int, float], session: str) -> int:
    """Weighted rendezvous hashing: the highest score wins, which is a group's with odds of its weight."""

    def score(group: int) -> float:
        chance = (key_of(f"{group}:{session}") + 0.5) / _KEYS
        return -weights[group] / math.log(chance)

    return max(weights, key=score)
