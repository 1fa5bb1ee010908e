"""`helm install --wait` of the whole stack into a namespace with enforced restricted pod security."""

from __future__ import annotations

import time

from cluster.answer import Ask
from cluster.client import Client
from cluster.outcome import Outcome
from cluster.release import COMPONENTS
from cluster.world import World

RUNG = "c"
TITLE = "helm install --wait brings the whole stack up, and a chat is answered"
ORDER = 300
REAL = "chart, images, pods, probes, Services, DNS, enforced restricted pod security"
TIMEOUT = 300.0

_ANSWER_SECONDS = 10.0


async def run(world: World) -> Outcome:
    """Installs the release that the other scenarios use, too."""
    outcome = Outcome()
    # Whoever came before has used another one.
    await world.drop_serving()
    began = time.monotonic()
    release = await world.serving()
    installed = time.monotonic()
    async with Client(release.gateway) as client:
        answer = await client.ask(Ask("soban-demo", tokens=32), 0)
    outcome.tell("gateway reached by", release.gateway.how)
    outcome.tell("helm install --wait", f"{release.seconds:.1f} s")
    outcome.expect("first chat", answer.why or "answered whole", "answered whole", answer.status == "ok")
    seconds = answer.ended - installed
    outcome.expect(
        "first chat once installed", f"{seconds:.2f} s", f"<= {_ANSWER_SECONDS:g} s", seconds < _ANSWER_SECONDS
    )
    outcome.tell("from helm install to the first answer", f"{answer.ended - began:.1f} s")
    for component in (*COMPONENTS, "engine"):
        pods = await release.pods(component)
        restarts = sum(status["restartCount"] for pod in pods for status in pod["status"]["containerStatuses"])
        outcome.expect(
            f"{component}: pods, restarts", f"{len(pods)}, {restarts}", ">= 1, 0", bool(pods) and not restarts
        )
    return outcome
