"""Decisions over time: a pool from zero to many and back, and one under a load that is noisy but steady."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Sequence
from pathlib import Path

from cluster.gauges import Gauge
from cluster.load import Phase, arrivals
from cluster.outcome import Outcome
from cluster.simulated_pool import SimulatedPool
from cluster.simulation import SEQUENCE_SECONDS, Simulation, simulation
from cluster.timeline import Replicas
from cluster.world import World

RUNG = "b"
TITLE = "A pool goes 0 -> 1 -> n -> 1 -> 0 with its load; under noise it does not flap"
ORDER = 210
REAL = "scaler, KEDA, HPA, scheduler, API server"
SIMULATED = "nodes, GPUs, engines (20 s until one is ready), load (a queue with Poisson arrivals, told by a stand-in)"
NEEDS = ("kwok", "own-machine")
TIMEOUT = 420.0

_VALUES = Path(__file__).parent / "values.yaml"
_STEP, _NOISY = "step", "noisy"
_TARGET = 8
"""Sequences that a replica should have, of both pools."""
_PEAK, _LITTLE, _STEADY = 3.0, 0.4, 2.5
"""Load in replicas at their target."""
_PEAK_SECONDS, _LITTLE_SECONDS = 75.0, 50.0
_RISE = ((0.7, 20.0), (1.3, 20.0), (1.9, 20.0))
_NOISE = ((1.7, 11.0), (3.3, 11.0)) * 5
_SETTLED_SECONDS = 80.0
_HPA_SECONDS = 15.0
_SEED = 20


async def run(world: World) -> Outcome:
    """Both pools at once, one with a peak, little and nothing, the other with a rise and then the same all the time."""
    outcome = Outcome()
    async with simulation(world, "simulated-load", _VALUES) as simulated:
        with world.step("the noisy pool has its first replica"):
            await simulated.timeline.until(simulated.deployment(_NOISY), lambda state: state.ready >= 1, timeout=60)
        begin = time.monotonic()
        loads = [
            _load(simulated.pools[_STEP], [(_PEAK, _PEAK_SECONDS), (_LITTLE, _LITTLE_SECONDS)]),
            _load(simulated.pools[_NOISY], [*_RISE, *_NOISE]),
        ]
        with world.step("load in three phases"):
            running = [asyncio.create_task(load) for load in loads]
            await running[0]
        little = begin + _PEAK_SECONDS
        over = time.monotonic()
        with world.step("the pool goes to zero"):
            gone = await simulated.until_zero(_STEP, timeout=120)
        await running[1]
        _judge_step(outcome, simulated, begin, little)
        outcome.tell("seconds from the end of the load until zero", f"{gone.at - over:.1f}")
        _judge_noisy(outcome, simulated, begin)
        marks = [(begin, "peak"), (little, "little"), (over, "nothing")]
        outcome.pictures["simulated_step"] = simulated.picture("From zero to many and back", _STEP, marks)
        outcome.pictures["simulated_noise"] = simulated.picture("Steady load with noise", _NOISY)
    return outcome


async def _load(pool: SimulatedPool, phases: Sequence[tuple[float, float]]) -> None:
    """So much load, for so many seconds each, as requests that arrive at random."""
    rates = [Phase(replicas * _TARGET / SEQUENCE_SECONDS, seconds) for replicas, seconds in phases]
    await pool.arrive(arrivals(rates, _SEED))
    await asyncio.sleep(SEQUENCE_SECONDS)


def _judge_step(outcome: Outcome, simulated: Simulation, begin: float, little: float) -> None:
    deployment = simulated.deployment(_STEP)
    first = simulated.pools[_STEP].arrived[0]
    states = [state for state in simulated.timeline.of(deployment) if state.at >= begin]
    woken = next(state for state in states if state.desired >= 1)
    _expect_seconds(outcome, "0 -> 1: decided after the first held request", woken.at - first, 1.0)
    more = next((state for state in states if state.desired >= 2), None)
    seconds = more.at - woken.at if more else float("inf")
    _expect_seconds(outcome, "1 -> n: first decision after that", seconds, 20.0)
    peak = max(state.desired for state in states)
    outcome.expect("most replicas at the peak", peak, f">= {_PEAK:g}", peak >= _PEAK)
    fewer = next((state for state in states if state.at > little and state.desired < peak), None)
    outcome.expect("fewer when there is little load", fewer is not None, "True", fewer is not None)
    one = any(state.desired == 1 for state in states if state.at > little)
    outcome.expect("n -> 1 while there is little load", one, "True", one)
    outcome.tell("replicas wanted, and seconds from the begin", _steps(states, begin))


def _judge_noisy(outcome: Outcome, simulated: Simulation, begin: float) -> None:
    """Once settled; what an HPA without a window would have done is counted from the same load."""
    settled, over = begin + _SETTLED_SECONDS, begin + sum(seconds for _, seconds in (*_RISE, *_NOISE))
    gauges = [gauge for gauge in simulated.pools[_NOISY].gauges if settled <= gauge.at <= over]
    totals = [gauge.running + gauge.queued + gauge.held for gauge in gauges]
    outcome.tell("noisy: sequences once settled, least to most", f"{min(totals):.0f} to {max(totals):.0f}")
    looks = [settled + _HPA_SECONDS * number for number in range(int((over - settled) / _HPA_SECONDS) + 1)]
    hasty = [_wanted_at(gauges, look) for look in looks]
    outcome.tell("noisy: changes that a look every 15 s without a window would have made", _changes(hasty))
    states = [state for state in simulated.timeline.of(simulated.deployment(_NOISY)) if state.at <= over]
    kept = [state.desired for state in states if state.at <= settled][-1:]
    kept += [state.desired for state in states if state.at > settled]
    outcome.expect("noisy: changes that were made", _changes(kept), "<= 1", _changes(kept) <= 1)
    away = sum(after < before for before, after in itertools.pairwise(kept))
    outcome.expect("noisy: of those, replicas taken away", away, "0", away == 0)
    enough = min(kept) >= _STEADY
    outcome.expect("noisy: fewest replicas wanted once settled", min(kept), f">= {_STEADY:g}", enough)
    outcome.tell("noisy: replicas wanted, and seconds from the begin", _steps(states, begin))


def _wanted_at(gauges: Sequence[Gauge], at: float) -> int:
    """ceil(total / target) by the last gauge before."""
    last = [gauge for gauge in gauges if gauge.at <= at][-1:] or gauges[:1]
    return math.ceil((last[0].running + last[0].queued + last[0].held) / _TARGET)


def _changes(numbers: Sequence[int]) -> int:
    return sum(after != before for before, after in itertools.pairwise(numbers))


def _expect_seconds(outcome: Outcome, what: str, seconds: float, most: float) -> None:
    outcome.expect(what, f"{seconds:.2f} s", f"<= {most:g} s", seconds <= most)


def _steps(states: Sequence[Replicas], begin: float) -> str:
    """`1 (0.4), 3 (15.2)`: each change of the wanted number."""
    told, last = [], None
    for state in states:
        if state.desired != last:
            told.append(f"{state.desired} ({state.at - begin:.1f})")
            last = state.desired
    return ", ".join(told)
