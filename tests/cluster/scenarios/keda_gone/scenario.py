"""KEDA's operator is away for a while: nobody who streams notices, and replicas stay."""

from __future__ import annotations

import asyncio

from cluster import keda
from cluster.outcome import Outcome
from cluster.traffic import SCALED, expect_unharmed, traffic
from cluster.world import World

RUNG = "d"
TITLE = "KEDA's operator is away: streams go on, new ones begin, replicas stay"
ORDER = 420
REAL = "pods, kubelet, KEDA, HPA, streams of the bundled model"
TIMEOUT = 330.0

_NAMESPACE, _OPERATOR = "keda", "keda-operator"
_NO_NUMBER_SECONDS = 150.0
"""The operator takes its time to end, and what asks it to give up."""
_HELD_SECONDS = 20.0
"""More than one look of the HPA."""
_STREAMS, _TOKENS = 4, 192
_REPLICAS = 2
"""That so many streams need, at the target of the shared release: two sequences each."""


async def run(world: World) -> Outcome:
    """The operator is scaled to zero and back."""
    outcome = Outcome()
    release = await world.serving()
    pool = release.engine(SCALED)
    async with traffic(world, release, _STREAMS, _TOKENS, SCALED) as seen:
        with world.step("the pool has the replicas that its load needs"):
            await seen.timeline.until(pool, lambda state: state.ready >= _REPLICAS, timeout=60)
        try:
            gone = seen.mark("operator gone")
            await world.kubectl.scale(_OPERATOR, _NAMESPACE, 0)
            with world.step("the HPA reads no number"):
                await keda.until_scaling(world.kubectl, release.namespace, pool, False, _NO_NUMBER_SECONDS)
            outcome.tell("seconds until the HPA read no number", f"{seen.mark('no number') - gone:.1f}")
            await asyncio.sleep(_HELD_SECONDS)
        finally:
            back = seen.mark("operator back")
            await world.kubectl.scale(_OPERATOR, _NAMESPACE, 1)
        with world.step("the HPA reads a number again"):
            await keda.until_scaling(world.kubectl, release.namespace, pool, True)
        outcome.tell("seconds until the HPA read a number again", f"{seen.mark('HPA reads') - back:.1f}")
    fewest = seen.fewest(pool, gone, back)
    outcome.expect("fewest replicas that were wanted meanwhile", fewest, f">= {_REPLICAS}", fewest >= _REPLICAS)
    expect_unharmed(outcome, "streams during all of it", seen.answers)
    outcome.pictures["keda_gone"] = seen.picture("KEDA's operator is away", pool)
    return outcome
