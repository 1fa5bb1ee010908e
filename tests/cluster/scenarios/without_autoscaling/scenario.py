"""The same arrivals as in load_scale_up, and nobody scales: the goal has to be missed, or it proves nothing there."""

from __future__ import annotations

from cluster import peak
from cluster.gauges import Gauges
from cluster.load import summarize
from cluster.outcome import Outcome
from cluster.picture import load_panel, picture, replicas_panel, waiting_panel
from cluster.release import Release
from cluster.world import World

RUNG = "e"
TITLE = "Without autoscaling the same arrivals miss the goal"
ORDER = 500
REAL = "as load_scale_up, with one replica throughout"
TIMEOUT = 420.0

_OFF = {"models": {peak.MODEL: {"autoscaling": {"mode": "none"}, "maxReplicas": 1}}}


async def run(world: World) -> Outcome:
    """Plays the trace against one replica."""
    outcome = Outcome()
    release = await world.serving()
    with world.step("helm upgrade --wait: autoscaling off"):
        await release.upgrade(_OFF)
    try:
        await _play(world, release, outcome)
    finally:
        with world.step("helm upgrade --wait: autoscaling on again"):
            await release.upgrade()
    return outcome


async def _play(world: World, release: Release, outcome: Outcome) -> None:
    pool = release.engine(peak.MODEL)
    async with world.timeline(release.namespace) as timeline, Gauges(release) as gauges:
        await timeline.until(pool, lambda seen: seen.desired == seen.ready == 1, 60)
        known = world.figures.get("capacity")
        trace = peak.Trace(known) if known else await peak.measure(release.gateway, first=300_000)
        with world.step(f"Poisson arrivals at {trace.title}"):
            played = await peak.play(release.gateway, trace, first=400_000)
    goal, found = peak.Judgement.of(played.answers), summarize(played.answers)
    outcome.expect("the goal is missed", goal, f"not ({peak.GOAL})", not goal.met)
    outcome.tell("answers", f"{found} {found.why or ''}")
    most = max(state.ready for state in timeline.of(pool))
    outcome.expect("most replicas ready", most, "1", most == 1)
    panels = [
        load_panel(timeline, played.answers),
        replicas_panel(timeline, pool),
        waiting_panel(timeline, gauges.of(peak.MODEL)),
    ]
    outcome.pictures["without_autoscaling"] = picture(f"No autoscaling: {trace.title}", timeline, panels, played.marks)
