"""The API server is away for a minute: what runs goes on, and what comes is served."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from cluster.cluster import Cluster
from cluster.keda import holds
from cluster.machine.faults import api_server_gone
from cluster.outcome import Outcome
from cluster.traffic import expect_unharmed, traffic
from cluster.world import World

RUNG = "d"
TITLE = "The API server is away for 60 s: streams go on and new ones begin"
ORDER = 460
REAL = "all of it: the process of kube-apiserver is ended and started again"
NEEDS = ("own-machine",)
TIMEOUT = 330.0

_AWAY_SECONDS = 60.0
_BACK_SECONDS = 150.0
_AFTER_SECONDS = 20.0
"""The controller manager looks after nodes every 5 s, kubelets tell every 10 s."""
_STREAMS, _TOKENS = 6, 192


async def run(world: World) -> Outcome:
    """One API server is all that there is here, so that nothing of the cluster's state can be read meanwhile."""
    outcome = Outcome()
    release = await world.serving()
    async with traffic(world, release, _STREAMS, _TOKENS) as seen:
        with world.step(f"no API server for {_AWAY_SECONDS:g} s"):
            async with _away(world.cluster):
                gone = seen.mark("API server gone")
                await asyncio.sleep(_AWAY_SECONDS)
            back = seen.mark("API server back")
        with world.step("nodes are ready again"):
            await _nodes_ready(world)
        ready = seen.mark("nodes ready")
        await asyncio.sleep(_AFTER_SECONDS)
    outcome.tell("seconds without API server", f"{back - gone:.0f}")
    outcome.tell("seconds from then until all nodes were ready", f"{ready - back:.1f}")
    during = [answer for answer in seen.answers if answer.sent < back]
    begun = [answer for answer in during if answer.sent > gone]
    expect_unharmed(outcome, "streams that ran when it went", seen.running_at(gone))
    expect_unharmed(outcome, "streams that began while it was away", begun)
    expect_unharmed(outcome, "streams that began when it was back", seen.sent_from(back))
    outcome.pictures["api_server_gone"] = seen.picture("The API server is away for 60 s")
    return outcome


@contextlib.asynccontextmanager
async def _away(cluster: Cluster) -> AsyncIterator[None]:
    fault = api_server_gone(cluster)
    await asyncio.to_thread(fault.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(fault.__exit__, None, None, None)


async def _nodes_ready(world: World) -> None:
    for node in world.cluster.nodes:
        ref = f"node/{node}"
        await world.kubectl.until("ready", ref, "", lambda found: holds(found, "Ready"), timeout=_BACK_SECONDS)
