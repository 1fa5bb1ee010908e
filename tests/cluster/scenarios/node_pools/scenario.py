"""The examples of node pools against the API server, with Karpenter's own resource definitions."""

from __future__ import annotations

from pathlib import Path

from cluster import definitions
from cluster.invoke import InvokeError
from cluster.outcome import Outcome
from cluster.world import World

RUNG = "a"
TITLE = "Karpenter's node pools and the simulated nodes pass a dry run of the server"
ORDER = 110
REAL = "the API server with Karpenter's resource definitions and their rules"
SIMULATED = "everything else: nothing is created, and no Karpenter runs"

_K8S = Path(__file__).parents[4] / "k8s"
_FOLDERS = (_K8S / "node-pools" / "karpenter", _K8S / "simulated" / "nodes.yaml")


async def run(world: World) -> Outcome:
    """`kubectl apply --dry-run=server` of each file, and of one that is wrong."""
    outcome = Outcome()
    async with definitions.lent(world.kubectl, definitions.KARPENTER):
        wrong = await _refusal(world, _FOLDERS[0] / "cpu.yaml", "WhenEmpty", "WhenNobodyLooks")
        outcome.expect("a pool with a policy that does not exist", wrong or "accepted", "refused", bool(wrong))
        for place in _FOLDERS:
            for file in sorted(place.glob("*.yaml")) if place.is_dir() else [place]:
                refusal = await _refusal(world, file)
                outcome.expect(str(file.relative_to(_K8S)), refusal or "accepted", "accepted", not refusal)
    return outcome


async def _refusal(world: World, file: Path, old: str = "", new: str = "") -> str:
    """Why the server refuses a file in which `old` is replaced; empty for nothing."""
    text = file.read_text(encoding="utf-8")
    try:
        await world.kubectl.run("apply", "--dry-run=server", "-f", "-", stdin=text.replace(old, new) if old else text)
    except InvokeError as err:
        return " ".join(err.output.split())[-300:]
    return ""
