"""What keeps a replica from being ready."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Trouble(StrEnum):
    """In one word, which clients may read; the ones that pass soonest come first."""

    STARTING = "starting"
    OVERLOADED = "overloaded"
    FAILING = "failing"
    """It is there, and of no use: a wrong model, lost requests."""
    AWAY = "away"


class Obstacle(NamedTuple):
    """`sentence` is for operators alone: it has addresses, names of models at the engine, keys of the configuration."""

    trouble: Trouble
    sentence: str
