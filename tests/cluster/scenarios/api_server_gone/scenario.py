"""The API server is away for a minute: what runs goes on, and what comes is served."""

from __future__ import annotations

import asyncio

from cluster.invoke import InvokeError
from cluster.keda import holds
from cluster.machine.layout import Layout
from cluster.machine.processes import Processes
from cluster.outcome import Outcome
from cluster.traffic import expect_unharmed, traffic
from cluster.world import World

RUNG = "d"
TITLE = "The API server is away for 60 s: streams go on and new ones begin"
ORDER = 460
REAL = "all of it: the process of kube-apiserver is ended and started again"
NEEDS = ("own-machine",)
TIMEOUT = 240.0

_AWAY_SECONDS = 60.0
_BACK_SECONDS = 60.0
_STREAMS, _TOKENS = 6, 192


async def run(world: World) -> Outcome:
    """One API server is all that there is here, so that nothing of the cluster's state can be read meanwhile."""
    outcome = Outcome()
    release = await world.serving()
    assert world.cluster.state is not None
    layout = Layout(world.cluster.state)
    processes = Processes(layout.processes, layout.logs)
    async with traffic(world, release, _STREAMS, _TOKENS) as seen:
        gone = seen.mark("API server gone")
        try:
            await asyncio.to_thread(processes.end, "kube-apiserver")
            await asyncio.sleep(_AWAY_SECONDS)
        finally:
            processes.start_again("kube-apiserver")
            back = seen.mark("API server back")
        with world.step("nodes are ready again"):
            await _nodes_ready(world)
        ready = seen.mark("nodes ready")
        await asyncio.sleep(10)
    outcome.tell("seconds without API server", f"{back - gone:.0f}")
    outcome.tell("seconds from its start until all nodes were ready", f"{ready - back:.1f}")
    during = [answer for answer in seen.answers if answer.sent < back]
    begun = [answer for answer in during if answer.sent > gone]
    expect_unharmed(outcome, "streams that ran when it went", seen.running_at(gone))
    expect_unharmed(outcome, "streams that began while it was away", begun)
    expect_unharmed(outcome, "streams that began when it was back", seen.sent_from(back))
    outcome.pictures["api-server-gone"] = seen.picture("The API server is away for 60 s")
    return outcome


async def _nodes_ready(world: World) -> None:
    async with asyncio.timeout(_BACK_SECONDS):
        while not await _answers(world):
            await asyncio.sleep(0.5)
    for node in world.cluster.nodes:
        await world.kubectl.until(
            "Ready", f"node/{node}", "", lambda found: holds(found, "Ready"), timeout=_BACK_SECONDS
        )


async def _answers(world: World) -> bool:
    try:
        await world.kubectl.raw("/readyz")
    except InvokeError:
        return False
    return True
