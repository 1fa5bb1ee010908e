"""The scenarios: `scenarios/<name>/scenario.py`, each a module with the names of `Module`."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cluster.outcome import Outcome
from cluster.world import World

FOLDER = Path(__file__).parent / "scenarios"
RUNGS = {
    "a": "every example against the API server (dry run)",
    "b": "decisions for pools that only simulated nodes have",
    "c": "real pods",
    "d": "faults",
    "e": "negative controls",
}


@dataclass(frozen=True)
class Scenario:
    """What its module says of itself: RUNG, TITLE, ORDER, REAL, SIMULATED, NEEDS, TIMEOUT, run."""

    name: str
    rung: str
    title: str
    """One sentence: what is shown."""
    order: int
    """Scenarios run by this number: 100 and on for rung a, 200 for b, 300 for c, 400 for d, 500 for e."""
    real: str
    """What of it was real."""
    simulated: str
    """What was simulated; empty for nothing."""
    needs: frozenset[str]
    """What a cluster must have: `two-nodes`, `own-machine` (processes of the cluster are ours to stop), `kwok`."""
    timeout: float
    """Seconds after which it counts as failed."""
    run: Callable[[World], Awaitable[Outcome]]


def load(name: str) -> Scenario:
    """One scenario by the name of its folder."""
    module = importlib.import_module(f"cluster.scenarios.{name}.scenario")
    return Scenario(
        name,
        module.RUNG,
        module.TITLE,
        module.ORDER,
        module.REAL,
        getattr(module, "SIMULATED", ""),
        frozenset(getattr(module, "NEEDS", ())),
        getattr(module, "TIMEOUT", 180.0),
        cast(Callable[[World], Awaitable[Outcome]], module.run),
    )


def load_all() -> list[Scenario]:
    """All of them in the order in which they run."""
    found = [load(file.parent.name) for file in FOLDER.glob("*/scenario.py")]
    return sorted(found, key=lambda scenario: (scenario.order, scenario.name))
