"""Pools of several kinds of hardware at once: each wakes by itself and lands where its resource profile says."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from cluster.kubectl import Object
from cluster.outcome import Outcome
from cluster.simulation import Simulation, simulation
from cluster.world import World

RUNG = "b"
TITLE = "Pools for CPU, L4, L40S, A100 and H100 wake within a second and land on their nodes"
ORDER = 200
REAL = "chart, scaler, KEDA, HPA, scheduler, API server"
SIMULATED = "nodes, GPUs, engines (3 s until one is ready), load (told by a stand-in)"
NEEDS = ("kwok", "own-machine")
TIMEOUT = 240.0

_VALUES = Path(__file__).parent / "values.yaml"
_NODES = {"on-cpu": "cpu", "on-l4": "l4", "on-l40s": "l40s", "on-a100": "a100", "on-h100": "h100"}
"""Kind of node (in its name) that each model is meant for."""
_NOWHERE = "on-too-many-h100"
"""Asks for more GPUs than any node has."""


async def run(world: World) -> Outcome:
    """One request for each model, one after the other."""
    outcome = Outcome()
    async with simulation(world, "mixed-gpus", _VALUES) as simulated:
        for model in (*_NODES, _NOWHERE):
            await _wake(outcome, simulated, model)
        for model, kind in _NODES.items():
            await simulated.timeline.until(simulated.deployment(model), lambda state: state.ready >= 1, timeout=60)
            await _expect_node(outcome, simulated, model, kind)
        await _expect_nowhere(outcome, simulated)
        with world.step("all pools go to zero again"):
            for model in _NODES:
                await simulated.until_zero(model, timeout=120)
    return outcome


async def _wake(outcome: Outcome, simulated: Simulation, model: str) -> None:
    asked = time.monotonic()
    simulated.pools[model].request()
    deployment = simulated.deployment(model)
    state = await simulated.timeline.until(deployment, lambda seen: seen.desired >= 1, timeout=30, since=asked)
    seconds = state.at - asked
    outcome.expect(f"{model}: 0 -> 1", f"{seconds:.2f} s", "<= 1 s", seconds <= 1.0)


async def _expect_node(outcome: Outcome, simulated: Simulation, model: str, kind: str) -> None:
    pods = await simulated.release.pods("engine", model)
    nodes = sorted({str(pod["spec"].get("nodeName")) for pod in pods})
    right = bool(nodes) and all(node.startswith(f"soban-sim-{kind}-") for node in nodes)
    gpus = {amount for pod in pods for amount in _gpus(pod)}
    outcome.expect(f"{model}: on", f"{', '.join(nodes)} (GPUs {sorted(gpus) or 'none'})", kind, right)


async def _expect_nowhere(outcome: Outcome, simulated: Simulation) -> None:
    pods = await simulated.release.pods("engine", _NOWHERE)
    reasons = {condition.get("reason") for pod in pods for condition in pod["status"].get("conditions", ())}
    waits = bool(pods) and reasons == {"Unschedulable"}
    outcome.expect(f"{_NOWHERE}: waits for a node", ", ".join(map(str, reasons)), "Unschedulable", waits)


def _gpus(pod: Object) -> list[str]:
    limits: list[Mapping[str, str]] = [
        container.get("resources", {}).get("limits", {}) for container in pod["spec"]["containers"]
    ]
    return [found["nvidia.com/gpu"] for found in limits if "nvidia.com/gpu" in found]
