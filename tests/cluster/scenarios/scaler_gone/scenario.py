"""The scaler is away: replicas stay as they are, and numbers rule again when it is back.

KEDA 2.20.2 asks for targets first and for numbers if it gets some, so that its fallback counts only errors of a scaler
that answers. While nobody does, the HPA reads nothing and changes nothing, and a fallback keeps pools from zero.
"""

from __future__ import annotations

import asyncio

from cluster import keda
from cluster.outcome import Outcome
from cluster.traffic import SCALED, expect_unharmed, traffic
from cluster.world import World

RUNG = "d"
TITLE = "The scaler is away: replicas stay, streams go on, numbers rule again when it is back"
ORDER = 410
REAL = "pods, kubelet, KEDA, HPA, streams of the bundled model"
TIMEOUT = 300.0

_STREAMS, _TOKENS = 4, 192
_REPLICAS = 2
"""That so many streams need, at the target of the shared release: two sequences each."""
_HELD_SECONDS = 40.0
"""More than two looks of the HPA, and two polls of KEDA."""


async def run(world: World) -> Outcome:
    """Its Deployment is scaled to zero and back."""
    outcome = Outcome()
    release = await world.serving()
    pool, scaler = release.engine(SCALED), release.deployment("scaler")
    before = await world.kubectl.get("deployment", scaler, release.namespace)
    async with traffic(world, release, _STREAMS, _TOKENS, SCALED) as seen:
        with world.step("the pool has the replicas that its load needs"):
            await seen.timeline.until(pool, lambda state: state.ready >= _REPLICAS, timeout=60)
        try:
            gone = seen.mark("scaler gone")
            await world.kubectl.scale(scaler, release.namespace, 0)
            with world.step("the HPA reads no number"):
                await keda.until_scaling(world.kubectl, release.namespace, pool, False)
            outcome.tell("seconds until the HPA read no number", f"{seen.mark('no number') - gone:.1f}")
            await asyncio.sleep(_HELD_SECONDS)
        finally:
            back = seen.mark("scaler back")
            await world.kubectl.scale(scaler, release.namespace, before["spec"]["replicas"])
        with world.step("the HPA reads numbers again"):
            await keda.until_scaling(world.kubectl, release.namespace, pool, True)
        numbers = seen.mark("numbers again")
    outcome.tell("seconds from its return until the HPA read numbers again", f"{numbers - back:.1f}")
    fewest = seen.fewest(pool, gone, back)
    outcome.expect("fewest replicas that were wanted while it was away", fewest, f">= {_REPLICAS}", fewest >= _REPLICAS)
    expect_unharmed(outcome, "streams during all of it", seen.answers)
    outcome.pictures["scaler_gone"] = seen.picture("The scaler is away", pool)
    return outcome
