"""The replica that is likely to give the first token soonest, without making another one wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

from soban.generation.choosing.demand import Candidate, Demand
from soban.generation.choosing.memory import PrefixMemory
from soban.generation.choosing.prefix import covered
from soban.generation.choosing.ring import Ring, key_of
from soban.generation.choosing.shares import Shares

C = TypeVar("C", bound=Candidate)

LOAD_FACTOR = 1.25
CACHE_TOKENS = 500_000.0
QUEUE_WEIGHT = 0.3


class Chooser:
    """Of one model in one pod of generation."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._ring = Ring()
        self._memory = PrefixMemory(CACHE_TOKENS)
        self._shares = Shares(random)

    def choose(self, candidates: Sequence[C], demand: Demand) -> C:
        """One of `candidates`, which are ready and not empty."""
        fit = _fitting(candidates, demand)
        fit = self._shares.of_one_group(fit, demand.session)
        if len(fit) == 1:
            return fit[0]
        loads = _loads(fit)
        bound = LOAD_FACTOR * (sum(loads.values()) + demand.total) / len(fit)
        by_id = {candidate.id: candidate for candidate in fit}
        if demand.session:
            return by_id[self._owner(key_of(demand.session), loads, bound)]
        return by_id[self._cheapest(loads, demand)]

    def placed(self, candidate: Candidate, demand: Demand) -> float:
        """The request goes there. Tokens of work that it is there, with what the cache has of it taken off."""
        known = self._memory.depths(demand.prefix).get(candidate.id, 0)
        fresh = demand.total - _cached(known, demand)
        self._memory.add(candidate.id, demand.prefix, fresh)
        return fresh

    def forget(self, replica_id: str) -> None:
        """It is gone, and its cache with it."""
        self._ring.remove(replica_id)
        self._memory.forget(replica_id)

    def _owner(self, key: int, loads: Mapping[str, float], bound: float) -> str:
        """The first on the ring from `key` that is not loaded over `bound`; the least loaded never is."""
        for member in loads:
            self._ring.add(member)
        for member in self._ring.walk(key):
            if loads.get(member, bound + 1) <= bound:
                return member
        return min(loads, key=loads.__getitem__)

    def _cheapest(self, loads: Mapping[str, float], demand: Demand) -> str:
        depths = self._memory.depths(demand.prefix)
        asked = self._random.sample(list(loads), 2)
        holders = [member for member in depths if member in loads]
        if holders:
            deepest = max(depths[member] for member in holders)
            asked.append(min((member for member in holders if depths[member] == deepest), key=loads.__getitem__))
        return min(asked, key=lambda member: QUEUE_WEIGHT * loads[member] - _cached(depths.get(member, 0), demand))


def _fitting(candidates: Sequence[C], demand: Demand) -> Sequence[C]:
    """Without those to avoid, with the adapter, with a free slot: each as far as any are left then."""
    fit = [candidate for candidate in candidates if candidate.id not in demand.avoid] or candidates
    if demand.adapter:
        fit = [candidate for candidate in fit if demand.adapter in candidate.adapters] or fit
    return [candidate for candidate in fit if candidate.running < candidate.slots] or fit


def _loads(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Tokens of work by id; a replica with more slots than the others has more of them done in the same time."""
    mean_slots = sum(candidate.slots for candidate in candidates) / len(candidates)
    return {candidate.id: candidate.work * mean_slots / candidate.slots for candidate in candidates}


def _cached(blocks: int, demand: Demand) -> float:
    """Tokens of the prompt in its first `blocks` blocks. Its length in bytes is known to half a block."""
    if not blocks:
        return 0.0
    whole = (covered(len(demand.prefix)) + covered(len(demand.prefix) + 1)) / 2
    return demand.prefill * covered(blocks) / whole
