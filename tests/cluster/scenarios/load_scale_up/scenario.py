"""A pool under open-loop load with real queues: it grows, meets its goal, and shrinks again."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from cluster import peak
from cluster.answer import Answer
from cluster.gauges import Gauges
from cluster.load import summarize
from cluster.outcome import Outcome
from cluster.picture import load_panel, picture, replicas_panel, waiting_panel
from cluster.timeline import Replicas
from cluster.world import World

RUNG = "c"
TITLE = "Poisson load at 0.5, 3 and 0.2 times one replica's capacity: the pool grows in time, and shrinks afterwards"
ORDER = 330
REAL = "engine pods with 0.3 cores each, queues, scaler, KEDA, the HPA with its own 15 s sync"
TIMEOUT = 420.0

_DECISION_SECONDS = 20.0
_SHRINK_SECONDS = 120.0


async def run(world: World) -> Outcome:
    """Measures one replica, then plays the trace."""
    outcome = Outcome()
    release = await world.serving()
    pool = release.engine(peak.MODEL)
    async with world.timeline(release.namespace) as timeline, Gauges(release) as gauges:
        await timeline.until(pool, lambda seen: seen.desired == seen.ready == 1, _SHRINK_SECONDS)
        with world.step("capacity of one replica, closed loop"):
            trace = await peak.measure(release.gateway, first=100_000)
        world.figures["capacity"] = trace.capacity
        with world.step(f"Poisson arrivals at {trace.title}"):
            played = await peak.play(release.gateway, trace, first=200_000)
        with world.step("the pool shrinks to 1 replica"):
            shrunk = await timeline.until(pool, lambda seen: seen.desired == 1, _SHRINK_SECONDS, played.fall)
    outcome.tell("capacity of one replica", f"{trace.capacity:.2f} requests/s of {peak.ASK.tokens} tokens")
    _judge_growth(outcome, timeline.of(pool), played.rise)
    outcome.tell("peak over -> 1 replica wanted", f"{shrunk.at - played.fall:.0f} s")
    _judge_answers(outcome, played.answers)
    panels = [
        load_panel(timeline, played.answers),
        replicas_panel(timeline, pool),
        waiting_panel(timeline, gauges.of(peak.MODEL)),
    ]
    outcome.pictures["load_scale_up"] = picture(trace.title, timeline, panels, played.marks)
    return outcome


def _judge_growth(outcome: Outcome, seen: Sequence[Replicas], rise: float) -> None:
    """From the begin of the peak, whatever its accidents had made of the phase before."""
    before = [state.desired for state in seen if state.at < rise][-1]
    later = [state for state in seen if state.at >= rise]
    decided = next((state.at - rise for state in later if state.desired > before), float("inf"))
    fast = decided <= _DECISION_SECONDS
    outcome.expect("3x begins -> more replicas wanted", f"{decided:.1f} s", f"<= {_DECISION_SECONDS:g} s", fast)
    most = max((state.ready for state in later), default=0)
    outcome.expect("most replicas ready", most, ">= 3", most >= 3)
    enough = next((state.at - rise for state in later if state.ready == most), 0.0)
    outcome.tell("3x begins -> so many ready", f"{enough:.1f} s")
    turns = _turns([state.desired for state in seen])
    outcome.expect("changes of direction (1: up, then down)", turns, "<= 3", turns <= 3)


def _turns(desired: Sequence[int]) -> int:
    steps = [later - earlier for earlier, later in itertools.pairwise(desired) if later != earlier]
    return sum((earlier > 0) != (later > 0) for earlier, later in itertools.pairwise(steps))


def _judge_answers(outcome: Outcome, answers: Sequence[Answer]) -> None:
    found, goal = summarize(answers), peak.Judgement.of(answers)
    outcome.expect("goal", goal, peak.GOAL, goal.met)
    outcome.tell("answers", f"{found} {found.why or ''}")
    outcome.tell("first text p50, queued p90", f"{found.first_p50:.2f} s, {found.queued_p90:.2f} s")
