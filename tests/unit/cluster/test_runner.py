"""The runner: one scenario that fails is no reason to leave out the others, and nothing stays behind."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cluster.helm import Helm, merged
from cluster.kubectl import Kubectl
from cluster.outcome import Outcome
from cluster.progress import Progress
from cluster.runner import run_all
from cluster.scenario import Scenario, load_all
from cluster.world import World
from unit.cluster.fake_cluster import fake_cluster

LOG = 'echo "$(basename $0) $*" >> "$(dirname $0)/log"'


def world_of(folder: Path) -> World:
    """A world whose programs only write down how they were called."""
    cluster = fake_cluster(folder, kubectl=f"{LOG}; cat > /dev/null", helm=f"{LOG}; cat > /dev/null")
    out = Progress(io.StringIO())
    return World(cluster, Kubectl(cluster), Helm(cluster, folder), {}, "c-", out)


def scenario(
    name: str, run: Callable[[World], Awaitable[Outcome]], needs: tuple[str, ...] = (), timeout: float = 30.0
) -> Scenario:
    """One of rung c."""
    return Scenario(name, "c", "Shows it.", 300, "pods", "", frozenset(needs), timeout, run)


async def passes(world: World) -> Outcome:
    """Meets its bar."""
    outcome = Outcome()
    outcome.expect("whole", 1, "1", True)
    return outcome


async def raises(world: World) -> Outcome:
    """Finds something that it did not expect."""
    raise ZeroDivisionError("no pods")


async def hangs(world: World) -> Outcome:
    """Never ends."""
    async with world.namespace("hangs"):
        await asyncio.sleep(60)
    return Outcome()


async def test_one_that_fails_leaves_the_others_their_turn(tmp_path: Path) -> None:
    """Its reason is in the report."""
    results = await run_all([scenario("a", raises), scenario("b", passes)], world_of(tmp_path), frozenset())
    assert [result.verdict for result in results] == ["FAILED", "passed"]
    assert "no pods" in results[0].outcome.problem


async def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    """And its namespace goes."""
    (result,) = await run_all([scenario("a", hangs, timeout=0.3)], world_of(tmp_path), frozenset())
    assert result.outcome.problem == "not done after 0.3 s"
    assert "delete namespace c-hangs" in (tmp_path / "log").read_text(encoding="utf-8")


async def test_what_a_cluster_lacks_leaves_a_scenario_out(tmp_path: Path) -> None:
    """It says why; nothing of it was run."""
    (result,) = await run_all([scenario("a", raises, needs=("own-machine",))], world_of(tmp_path), frozenset())
    assert result.verdict == "left out"
    assert "not ours to stop" in result.outcome.left_out


async def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C cancels; namespaces go all the same."""
    task = asyncio.create_task(run_all([scenario("a", hangs)], world_of(tmp_path), frozenset()))
    while not (tmp_path / "log").exists():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "delete namespace c-hangs" in (tmp_path / "log").read_text(encoding="utf-8")


def test_layers_of_values_are_merged_as_helm_does() -> None:
    """Mappings grow, everything else is replaced."""
    lower = {"models": {"ko": {"parallel": 4, "adapters": {"a": "1"}}}, "global": {"list": [1, 2]}}
    upper = {"models": {"ko": {"parallel": 8}, "en": {}}, "global": {"list": [3]}}
    assert merged(lower, upper) == {
        "models": {"ko": {"parallel": 8, "adapters": {"a": "1"}}, "en": {}},
        "global": {"list": [3]},
    }
    assert lower["models"] == {"ko": {"parallel": 4, "adapters": {"a": "1"}}}


def test_all_scenarios_can_be_loaded() -> None:
    """Each says what it is, and they have an order."""
    scenarios = load_all()
    assert [each.order for each in scenarios] == sorted(each.order for each in scenarios)
    assert {each.rung for each in scenarios} <= set("abcde")
