"""`helm rollback` to the revision before."""

from __future__ import annotations

from cluster.notice import NOTICE, WITH_NOTICE, notice_of
from cluster.outcome import Outcome
from cluster.world import World

RUNG = "c"
TITLE = "helm rollback brings back the configuration of before"
ORDER = 380
REAL = "helm's record of revisions, a rollout backwards"
TIMEOUT = 300.0


async def run(world: World) -> Outcome:
    """Goes back from the revision with a notice to one without; makes the first where nobody has done so before."""
    outcome = Outcome()
    release = await world.serving()
    if await notice_of(release.gateway) != NOTICE:
        with world.step("helm upgrade --wait"):
            await release.upgrade(WITH_NOTICE)
    before = await notice_of(release.gateway)
    with world.step("helm rollback --wait"):
        seconds = await world.helm.rollback(release.name, release.namespace)
    after = await notice_of(release.gateway)
    outcome.expect("notice before", before, NOTICE, before == NOTICE)
    outcome.expect("notice afterwards", after or "none", "none", not after)
    outcome.tell("helm rollback --wait", f"{seconds:.1f} s")
    return outcome
