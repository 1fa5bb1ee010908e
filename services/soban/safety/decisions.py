"""Words of a decision: what is done, which way a text goes, who wrote it. Numbers are those of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class Action(IntEnum):
    """What is done with a finding; the higher one wins."""

    ALLOW = 1
    MASK = 2
    BLOCK = 3


class Direction(IntEnum):
    """Which way a text goes."""

    INPUT = 1
    OUTPUT = 2


class Role(IntEnum):
    """Who wrote a text."""

    SYSTEM = 1
    USER = 2
    ASSISTANT = 3
    TOOL = 4


class Mode(IntEnum):
    """How a policy treats what it finds. With rules alone, STRICT and BALANCED are the same."""

    STRICT = 1
    BALANCED = 2
    OBSERVE = 3


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a policy does with each category in one direction for one author.

    `wanted` is what its rules say, `done` what happens: a policy that observes lets everything pass.
    """

    wanted: Mapping[str, Action]
    done: Mapping[str, Action]

    @property
    def change_nothing(self) -> bool:
        """Whether every text passes as it is."""
        return all(action is Action.ALLOW for action in self.done.values())

    def rank(self, category: str) -> int:
        """How much the policy cares, for findings that overlap. What is no category is rewritten, as what is masked."""
        return int(self.wanted.get(category, Action.MASK))
