"""Runs scenarios one after the other in one world, whatever becomes of each."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Sequence

from cluster.invoke import InvokeError
from cluster.outcome import Outcome
from cluster.report import Result
from cluster.scenario import Scenario
from cluster.world import World

NEEDS = {
    "own-machine": "the cluster's processes are not ours to stop",
    "two-nodes": "there are not two nodes with real kubelets",
    "kwok": "there is no kwok for simulated nodes",
}


async def run_all(scenarios: Sequence[Scenario], world: World, have: frozenset[str]) -> list[Result]:
    """All results in order. Cleans the world at the end, also when cancelled."""
    results: list[Result] = []
    try:
        for scenario in scenarios:
            results.append(await _result(scenario, world, have))
    finally:
        world.progress.scenario("")
        with world.step("namespaces and releases of this run are deleted"):
            await world.close()
    return results


async def _result(scenario: Scenario, world: World, have: frozenset[str]) -> Result:
    world.progress.scenario(f"{scenario.rung}/{scenario.name}")
    if lacking := sorted(scenario.needs - have):
        reason = "; ".join(NEEDS[need] for need in lacking)
        world.progress.say(f"left out: {reason}")
        return Result(scenario, Outcome(left_out=reason), 0.0)
    began = time.monotonic()
    outcome = await _outcome(scenario, world)
    result = Result(scenario, outcome, time.monotonic() - began)
    for line in outcome.lines:
        bar = f" (wanted {line.bar})" if line.met is False else ""
        world.progress.say(f"    {line.what}: {line.value}{bar}")
    world.progress.say(f"{result.verdict}  ({result.seconds:.1f} s)")
    return result


async def _outcome(scenario: Scenario, world: World) -> Outcome:
    """What the scenario says, or why it could not go to its end; after that the shared release is made anew."""
    try:
        async with asyncio.timeout(scenario.timeout):
            return await scenario.run(world)
    except Exception as err:  # noqa: BLE001 - one that fails must not keep the others from running
        problem = f"not done after {scenario.timeout:g} s" if isinstance(err, TimeoutError) else _told(err)
        world.progress.say(problem)
        try:
            world.progress.say(await world.diagnosis())
            await world.drop_serving()
        except InvokeError as lost:
            problem += f"\nand its cluster could not be cleaned: {lost}"
        return Outcome(problem=problem)


def _told(err: Exception) -> str:
    return "".join(traceback.format_exception(err)[-2:]).strip()
