"""`helm test` of the installed release."""

from __future__ import annotations

import time

from cluster.outcome import Outcome
from cluster.world import World

RUNG = "c"
TITLE = "helm test passes: a user who has just installed can see that it works"
ORDER = 305
REAL = "test pods of the chart inside the cluster"


async def run(world: World) -> Outcome:
    """Runs all test pods; what they said is in the report when one fails."""
    outcome = Outcome()
    release = await world.serving()
    began = time.monotonic()
    with world.step("helm test soban"):
        said = await world.helm.test(release.name, release.namespace)
    passed = said.count("Succeeded")
    outcome.expect("test pods that succeeded", passed, ">= 1, none failed", passed > 0 and "Failed" not in said)
    outcome.tell("took", f"{time.monotonic() - began:.1f} s")
    return outcome
