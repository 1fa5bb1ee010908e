"""The gateway is restarted as in gateway_restart, without preStop and without grace: streams must break."""

from __future__ import annotations

from typing import Any

from cluster.disruption import draw, through
from cluster.outcome import Outcome
from cluster.world import World

RUNG = "e"
TITLE = "Without preStop and grace the same restart of the gateway breaks streams"
ORDER = 510
REAL = "as gateway_restart; pods are killed as soon as they are to go"
TIMEOUT = 300.0

_GRACELESS: list[dict[str, Any]] = [
    {"op": "remove", "path": "/spec/template/spec/containers/0/lifecycle"},
    {"op": "replace", "path": "/spec/template/spec/terminationGracePeriodSeconds", "value": 0},
]


async def run(world: World) -> Outcome:
    """Changes what the chart has made, restarts, and makes the release anew."""
    outcome = Outcome()
    release = await world.serving()
    gateway = release.deployment("gateway")
    with world.step("preStop and grace are taken away"):
        await world.kubectl.patch("deployment", gateway, _GRACELESS, release.namespace)
        await world.kubectl.rolled_out(gateway, release.namespace)

    async def restart() -> None:
        await world.kubectl.run("rollout", "restart", f"deployment/{gateway}", "-n", release.namespace)
        await world.kubectl.rolled_out(gateway, release.namespace)

    try:
        seen = await through(world, release, "rollout restart of the gateway", restart)
    finally:
        with world.step("helm upgrade --wait: preStop and grace are back"):
            await release.upgrade()
    found = seen.summary
    outcome.expect("streams break", found.broken, "> 0", found.broken > 0)
    outcome.tell("streams", f"{found} {found.why}")
    draw(outcome, "without_grace", "Restart of the gateway without preStop and grace", seen, [gateway])
    return outcome
