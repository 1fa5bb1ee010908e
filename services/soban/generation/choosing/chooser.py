"""The replica on which the least work would be outstanding with this request on it.

What the request adds is the part of its prompt that the replica does not have in its cache, so that load and cache are
weighed in one unit, tokens. Four replicas are looked at, not all: two at random (the power of two choices: a replica
that is new, or that fails fast, does not draw every request), the least loaded of those that have most of the prompt,
and the one that consistent hashing names, by which pods that know nothing of each other send the same prompt the same
way.
"""

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
"""Consistent hashing names no replica with more than this times the mean load (Mirrokni, Thorup and Zadimoghaddam,
"Consistent Hashing with Bounded Loads", 2016). docs/choosing.md has what the simulation says of it."""
CACHE_TOKENS = 200_000.0
"""Of an engine's cache. A model of 8B in FP8 has room for 61,000 on an L4, in bf16 for 400,000 on an H100. In the
simulation all from 60,000 to 1,000,000 does as well, save that small cards at their limit do better with less."""
_REUSE_WEIGHT = 0.02
"""Of the last request in the mean over requests: some fifty count."""


class Chooser:
    """Of one model in one pod of generation."""

    def __init__(self, random: Random, load_factor: float = LOAD_FACTOR) -> None:
        self._random = random
        self._load_factor = load_factor
        self._ring = Ring()
        self._memory = PrefixMemory(CACHE_TOKENS)
        self._shares = Shares(random)
        self._reuse = 0.0
        """Share of prompts that some replica had been sent before."""

    def choose(self, candidates: Sequence[C], demand: Demand) -> C:
        """One of `candidates`, which are ready and not empty."""
        fit = self._shares.of_one_group(_fitting(candidates, demand), demand.session)
        if len(fit) == 1:
            return fit[0]
        loads = _loads(fit)
        chosen = self._least(loads, demand)
        return next(candidate for candidate in fit if candidate.id == chosen)

    def placed(self, candidate: Candidate, demand: Demand) -> float:
        """The request goes there. Tokens of work that it is there: those of its prompt that are cached are none."""
        depths = self._memory.depths(demand.prefix)
        if demand.prefix:
            known = _cached(max(depths.values(), default=0), demand) / max(demand.prefill, 1.0)
            self._reuse += _REUSE_WEIGHT * (known - self._reuse)
        fresh = demand.total - _cached(depths.get(candidate.id, 0), demand)
        self._memory.add(candidate.id, demand.prefix, fresh)
        return fresh

    def forget(self, replica_id: str) -> None:
        """It is gone, and its cache with it."""
        self._ring.remove(replica_id)
        self._memory.forget(replica_id)

    def _least(self, loads: Mapping[str, float], demand: Demand) -> str:
        depths = {member: depth for member, depth in self._memory.depths(demand.prefix).items() if member in loads}
        deepest = max(depths.values(), default=0)
        asked = self._random.sample(list(loads), 2)
        if depths:
            asked.append(min((member for member in depths if depths[member] == deepest), key=loads.__getitem__))
        work = {member: loads[member] - _cached(depths.get(member, 0), demand) for member in asked}
        key = _key(demand, deepest)
        if key is not None:
            owner = self._owner(key, loads, demand)
            hoped = (1.0 if demand.session else self._reuse) * (demand.prefill - _cached(deepest, demand))
            work[owner] = loads[owner] - _cached(depths.get(owner, 0), demand) - hoped
        return min(work, key=work.__getitem__)

    def _owner(self, key: int, loads: Mapping[str, float], demand: Demand) -> str:
        """The first on the ring from `key` that is not over the bound. The least loaded never is."""
        self._ring.add(loads)
        bound = self._load_factor * (sum(loads.values()) + demand.total) / len(loads)
        return next(member for member in self._ring.walk(key) if member in loads and loads[member] <= bound)


def _key(demand: Demand, known: int) -> int | None:
    """What consistent hashing goes by: the session, or the first block that nobody has been sent.

    Any pod that knows as much, such as the application's instructions, takes the same block: the begin of a document,
    or of a conversation.
    """
    if demand.session:
        return key_of(demand.session)
    return demand.prefix[known] if known < len(demand.prefix) else None


def _fitting(candidates: Sequence[C], demand: Demand) -> Sequence[C]:
    """Not to be avoided, of no weight 0, with the adapter, with a free slot: each as far as any are left then."""
    fit = candidates
    if demand.avoid:
        fit = [candidate for candidate in fit if candidate.id not in demand.avoid] or fit
    fit = [candidate for candidate in fit if candidate.weight != 0] or fit
    if demand.adapter:
        fit = [candidate for candidate in fit if demand.adapter in candidate.adapters] or fit
    return [candidate for candidate in fit if candidate.running < candidate.slots] or fit


def _loads(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Tokens of work by id; a replica with more slots than the others has more of them done in the same time."""
    mean_slots = sum(candidate.slots for candidate in candidates) / len(candidates)
    # Sums of floats may end a little under zero, and a bound under zero would leave nobody.
    return {candidate.id: max(0.0, candidate.work) * mean_slots / candidate.slots for candidate in candidates}


def _cached(blocks: int, demand: Demand) -> float:
    """Tokens of the prompt in its first `blocks` blocks. Its length in bytes is known to half a block."""
    if not blocks:
        return 0.0
    whole = (covered(len(demand.prefix)) + covered(len(demand.prefix) + 1)) / 2
    return demand.prefill * covered(blocks) / whole
