"""A node is drained as for maintenance while a hundred streams are under way."""

from __future__ import annotations

from collections import Counter

from cluster.disruption import MODEL, draw, judge_unbroken, through
from cluster.outcome import Outcome
from cluster.release import Release
from cluster.world import World

RUNG = "c"
TITLE = "kubectl drain of one of two nodes during 100 streams: budgets are kept, no stream breaks"
ORDER = 360
REAL = "two kubelets with a container runtime each, evictions, PodDisruptionBudgets, rescheduling"
SIMULATED = "the second node shares this machine's kernel and bridge"
NEEDS = ("two-nodes",)
TIMEOUT = 300.0

_DRAIN_SECONDS = 150
_TWICE = ("gateway", "generation", "safety")


async def run(world: World) -> Outcome:
    """Drains the node that has fewer of the cluster's own pods, and lets it back in."""
    outcome = Outcome()
    release = await world.serving()
    node = await _node(world)
    before = await _pods_on(release, node)
    outcome.expect("pods of the release on the node", before, ">= 3", before >= 3)

    async def drain() -> None:
        flags = ("--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={_DRAIN_SECONDS}s")
        await world.kubectl.run("drain", node, *flags, timeout=_DRAIN_SECONDS + 10)

    try:
        seen = await through(world, release, f"drain of {node}", drain)
        left = await _pods_on(release, node)
    finally:
        await world.kubectl.run("uncordon", node)
    judge_unbroken(outcome, seen)
    outcome.expect("pods of the release left there", left, "0", left == 0)
    twice = [*(release.deployment(name) for name in _TWICE), release.engine(MODEL)]
    for deployment in twice:
        least = min(state.ready for state in seen.timeline.of(deployment))
        outcome.expect(f"least ready replicas of {deployment}", least, ">= 1", least >= 1)
    draw(outcome, "node_drain", f"Drain of {node} during 100 streams", seen, twice)
    return outcome


async def _node(world: World) -> str:
    """DNS, KEDA and the like shall feel it as little as possible."""
    pods = await world.kubectl.items("pods", "kube-system") + await world.kubectl.items("pods", "keda")
    counts = Counter(pod["spec"].get("nodeName") for pod in pods)
    return min(world.cluster.nodes, key=lambda node: counts[node])


async def _pods_on(release: Release, node: str) -> int:
    pods = await release.kubectl.items("pods", release.namespace)
    running = [pod for pod in pods if pod["status"].get("phase") == "Running"]
    return sum(pod["spec"].get("nodeName") == node for pod in running)
