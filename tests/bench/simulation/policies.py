"""Ours and the others, all with the same view of the replicas: what their own pod has sent there."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Protocol

from bench.simulation.view import View
from soban.generation.choosing.chooser import LOAD_FACTOR, Chooser
from soban.generation.choosing.demand import Demand
from soban.generation.choosing.ring import Ring

_BOUND = 1.25


class Policy(Protocol):
    """In one pod."""

    def choose(self, views: Sequence[View], demand: Demand) -> View:
        """One of them."""

    def placed(self, view: View, demand: Demand) -> float:
        """Tokens of work that it is there, as the policy sees it."""


class Ours:
    """The Chooser of the service."""

    def __init__(self, random: Random, load_factor: float = LOAD_FACTOR) -> None:
        self._chooser = Chooser(random, load_factor)

    def choose(self, views: Sequence[View], demand: Demand) -> View:
        return self._chooser.choose(views, demand)

    def placed(self, view: View, demand: Demand) -> float:
        return self._chooser.placed(view, demand)


class RoundRobin:
    """Begins anywhere."""

    def __init__(self, random: Random) -> None:
        self._numbers = itertools.count(random.randrange(1000))

    def choose(self, views: Sequence[View], demand: Demand) -> View:
        return views[next(self._numbers) % len(views)]

    def placed(self, view: View, demand: Demand) -> float:
        return demand.total


class Randomly(RoundRobin):
    """Without looking."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def choose(self, views: Sequence[View], demand: Demand) -> View:
        return self._random.choice(views)


class LeastRequests(Randomly):
    """The fewest of all; of equals any."""

    def choose(self, views: Sequence[View], demand: Demand) -> View:
        return min(self._random.sample(views, len(views)), key=lambda view: view.running)


class LeastRequestsOfTwo(Randomly):
    """The fewer of two."""

    def choose(self, views: Sequence[View], demand: Demand) -> View:
        return min(self._random.sample(views, 2), key=lambda view: view.running)


class PrefixHash(Randomly):
    """Consistent hashing of the prompt's begin with bounded load, as KubeAI does it; the load is requests."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._ring = Ring()

    def choose(self, views: Sequence[View], demand: Demand) -> View:
        by_id = {view.id: view for view in views}
        self._ring.add(by_id)
        bound = math.ceil(_BOUND * (sum(view.running for view in views) + 1) / len(views))
        key = demand.prefix[0] if demand.prefix else self._random.getrandbits(64)
        return next(by_id[member] for member in self._ring.walk(key) if by_id[member].running < bound)


POLICIES: Mapping[str, Callable[[Random], Policy]] = {
    "Soban": Ours,
    "round robin": RoundRobin,
    "random": Randomly,
    "least requests": LeastRequests,
    "least requests of two": LeastRequestsOfTwo,
    "prefix hash, bounded": PrefixHash,
}

BOUNDS: Mapping[str, Callable[[Random], Policy]] = {
    f"Soban, bound {factor:g}": partial(Ours, load_factor=factor) for factor in (1.1, 1.25, 2, math.inf)
}
"""What the load factor is worth."""
