"""The scaler is away: KEDA's fallback keeps the replicas that there are, and numbers rule again when it is back."""

from __future__ import annotations

import asyncio

from cluster import keda
from cluster.outcome import Outcome
from cluster.traffic import SCALED, expect_unharmed, traffic
from cluster.world import World

RUNG = "d"
TITLE = "The scaler is away: the fallback keeps the replicas, streams go on"
ORDER = 410
REAL = "pods, kubelet, KEDA, HPA, streams of the bundled model"
TIMEOUT = 300.0

_STREAMS, _TOKENS = 4, 192
_REPLICAS = 2
"""That so many streams need, at the target of the shared release: two sequences each."""
_HELD_SECONDS = 20.0
"""More than one sync of the HPA."""


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
            await _scale(world, scaler, release.namespace, 0)
            with world.step("KEDA falls back"):
                await keda.until_fallback(world.kubectl, release.namespace, pool, holding=True)
            outcome.tell("seconds until the fallback was in force", f"{seen.mark('fallback') - gone:.1f}")
            await asyncio.sleep(_HELD_SECONDS)
        finally:
            back = seen.mark("scaler back")
            await _scale(world, scaler, release.namespace, before["spec"]["replicas"])
        with world.step("KEDA reads numbers again"):
            await keda.until_fallback(world.kubectl, release.namespace, pool, holding=False)
            await keda.until_scaling(world.kubectl, release.namespace, pool)
        numbers = seen.mark("numbers again")
    outcome.tell("seconds from its return until numbers ruled again", f"{numbers - back:.1f}")
    fewest = seen.fewest(pool, gone, back)
    outcome.expect("fewest replicas that were wanted while it was away", fewest, f">= {_REPLICAS}", fewest >= _REPLICAS)
    expect_unharmed(outcome, "streams during all of it", seen.answers)
    outcome.pictures["scaler-gone"] = seen.picture("The scaler is away", pool)
    return outcome


async def _scale(world: World, deployment: str, namespace: str, replicas: int) -> None:
    await world.kubectl.run("scale", "deployment", deployment, f"--replicas={replicas}", "-n", namespace)
