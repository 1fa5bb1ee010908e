"""`helm upgrade` of everything while a hundred streams are under way."""

from __future__ import annotations

from cluster.disruption import GONE_SECONDS, MODEL, draw, judge_unbroken, through
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
    left: list[str] = []

    async def upgrade() -> None:
        await release.upgrade(WITH_NOTICE, timeout=300)
        left.extend(await release.gone(old, GONE_SECONDS))

    seen = await through(world, release, "helm upgrade --wait, and all old pods gone", upgrade)
    judge_unbroken(outcome, seen)
    notice = await notice_of(release.gateway)
    outcome.expect("notice afterwards", notice, NOTICE, notice == NOTICE)
    outcome.tell("helm upgrade --wait", f"{release.seconds:.1f} s")
    outcome.expect("old pods that did not end with their streams", len(left), "0", not left)
    deployments = [*(release.deployment(name) for name in _ROLLED), release.engine(MODEL)]
    draw(outcome, "rolling_upgrade", "Upgrade of everything during 100 streams", seen, deployments)
    return outcome
