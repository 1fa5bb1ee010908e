"""All gateway pods are replaced while a hundred streams are under way."""

from __future__ import annotations

from cluster.disruption import GONE_SECONDS, draw, judge_unbroken, through
from cluster.outcome import Outcome
from cluster.world import World

RUNG = "c"
TITLE = "kubectl rollout restart of the gateway during 100 streams breaks none"
ORDER = 350
REAL = "pods, readiness, preStop, SIGTERM, kube-proxy, clients outside the cluster without retries"
TIMEOUT = 240.0


async def run(world: World) -> Outcome:
    """Streams come and go until the last of the old pods is gone."""
    outcome = Outcome()
    release = await world.serving()
    gateway = release.deployment("gateway")
    old = {pod["metadata"]["name"] for pod in await release.pods("gateway")}
    left: list[str] = []

    async def restart() -> None:
        await world.kubectl.run("rollout", "restart", f"deployment/{gateway}", "-n", release.namespace)
        await world.kubectl.rolled_out(gateway, release.namespace)
        left.extend(await release.gone(old, GONE_SECONDS))

    seen = await through(world, release, "rollout restart of the gateway", restart)
    judge_unbroken(outcome, seen)
    outcome.expect("old pods that did not end with their streams", len(left), "0", not left)
    draw(outcome, "gateway_restart", "Restart of the gateway during 100 streams", seen, [gateway])
    return outcome
