"""All pods of the cluster's DNS are replaced at once: names cannot be asked for a while."""

from __future__ import annotations

import asyncio

from cluster.outcome import Outcome
from cluster.traffic import expect_unharmed, traffic
from cluster.world import World

RUNG = "d"
TITLE = "DNS restarts: streams go on and new ones begin while no name can be asked"
ORDER = 440
REAL = "pods, kubelet, CoreDNS, streams of the bundled model"
TIMEOUT = 180.0

_NAMESPACE, _SELECTOR = "kube-system", "k8s-app=kube-dns"
_STREAMS, _TOKENS = 4, 192


async def run(world: World) -> Outcome:
    """Pods are deleted without grace, so that they do not serve until their successors do."""
    outcome = Outcome()
    release = await world.serving()
    pods = await world.kubectl.items("pods", _NAMESPACE, _SELECTOR)
    if not pods:
        return Outcome(left_out=f"no pods with {_SELECTOR} in {_NAMESPACE}")
    async with traffic(world, release, _STREAMS, _TOKENS) as seen:
        gone = seen.mark("DNS deleted")
        names = [pod["metadata"]["name"] for pod in pods]
        await world.kubectl.run("delete", "pod", *names, "-n", _NAMESPACE, "--force", "--grace-period=0")
        ref = "deployment/coredns"
        await world.kubectl.until("DNS ready", ref, _NAMESPACE, lambda it: _ready(it) == len(pods), timeout=60)
        back = seen.mark("DNS ready")
        await asyncio.sleep(10)
    outcome.tell("pods of DNS", len(pods))
    outcome.tell("seconds until all were ready again", f"{back - gone:.1f}")
    expect_unharmed(outcome, "streams during all of it", seen.answers)
    outcome.pictures["dns_restarted"] = seen.picture("DNS restarts")
    return outcome


def _ready(deployment: dict[str, dict[str, int]]) -> int:
    return deployment["status"].get("readyReplicas", 0)
