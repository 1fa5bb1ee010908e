"""`helm upgrade` of everything while a hundred streams are under way."""

from __future__ import annotations

from cluster.disruption import MODEL, draw, judge_unbroken, through
from cluster.notice import NOTICE, WITH_NOTICE, notice_of
from cluster.outcome import Outcome
from cluster.world import World

RUNG = "c"
TITLE = "helm upgrade that replaces every pod during 100 streams breaks none"
ORDER = 370
REAL = "every Deployment of the release, engines included, rolled by its own controller"
TIMEOUT = 420.0

_ROLLED = ("gateway", "generation", "safety")


async def run(world: World) -> Outcome:
    """Upgrades to a configuration that clients can see, so that all pod templates change."""
    outcome = Outcome()
    release = await world.serving()
    old = {pod["metadata"]["name"] for pod in await release.all_pods()}
    outcome.tell("notice before", await notice_of(release.gateway) or "none")
    seen = await through(world, release, "helm upgrade --wait", lambda: release.upgrade(WITH_NOTICE, timeout=300))
    judge_unbroken(outcome, seen)
    notice = await notice_of(release.gateway)
    outcome.expect("notice afterwards", notice, NOTICE, notice == NOTICE)
    left = old & {pod["metadata"]["name"] for pod in await release.all_pods()}
    outcome.expect("pods of before that are left", len(left), "0", not left)
    deployments = [*(release.deployment(name) for name in _ROLLED), release.engine(MODEL)]
    draw(outcome, "rolling_upgrade", "Upgrade of everything during 100 streams", seen, deployments)
    return outcome
