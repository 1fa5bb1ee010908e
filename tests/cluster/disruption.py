"""Something that happens to a cluster while a hundred streams are under way, and what became of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from cluster.answer import Answer, Ask
from cluster.client import Client
from cluster.gauges import Gauges
from cluster.load import Steady, Summary, summarize
from cluster.outcome import Outcome
from cluster.picture import picture, replicas_panel, streams_panel, waiting_panel
from cluster.release import Release
from cluster.timeline import Timeline
from cluster.world import World

MODEL = "soban-demo"
STREAMS = 100
_ASK = Ask(MODEL, tokens=160, timeout=85.0)
_UNDER_WAY_SECONDS = 4.0
_AFTERWARDS_SECONDS = 3.0
GONE_SECONDS = 120.0
"""Longer than pods get to end their streams: 90 s, and preStop before."""


@dataclass(frozen=True)
class Through:
    """What was seen. `begin` and `end` of the disruption are on time.monotonic."""

    timeline: Timeline
    gauges: Gauges
    answers: Sequence[Answer]
    begin: float
    end: float

    @property
    def summary(self) -> Summary:
        """Of all streams."""
        return summarize(self.answers)

    @property
    def touched(self) -> int:
        """Streams that were under way when it began."""
        return sum(answer.sent < self.begin < answer.ended for answer in self.answers)


async def through(world: World, release: Release, what: str, disrupt: Callable[[], Awaitable[None]]) -> Through:
    """Keeps a hundred streams up while `disrupt` runs and a little longer, and hears all of them to their ends."""
    async with (
        world.timeline(release.namespace) as timeline,
        Gauges(release) as gauges,
        Client(release.gateway) as client,
        Steady(client, _ASK, STREAMS, first=int(time.monotonic()) * 1000) as load,
    ):
        await asyncio.sleep(_UNDER_WAY_SECONDS)
        begin = time.monotonic()
        with world.step(f"{what}, under {STREAMS} streams"):
            await disrupt()
        end = time.monotonic()
        await asyncio.sleep(_AFTERWARDS_SECONDS)
    return Through(timeline, gauges, load.answers, begin, end)


def judge_unbroken(outcome: Outcome, seen: Through) -> None:
    """None broken, none refused, and enough of them were there to be broken."""
    found = seen.summary
    outcome.expect(
        "streams under way when it began", seen.touched, f">= {STREAMS * 9 // 10}", seen.touched >= STREAMS * 0.9
    )
    outcome.expect("streams", f"{found} {found.why or ''}", "all ok", found.ok == found.sent)
    outcome.tell("answers continued on another replica", found.resumed)
    outcome.tell("took", f"{seen.end - seen.begin:.1f} s")


def draw(outcome: Outcome, name: str, title: str, seen: Through, deployments: Sequence[str]) -> None:
    """Streams, replicas of these Deployments, and what waited."""
    panels = [
        streams_panel(seen.timeline, seen.answers),
        *(replicas_panel(seen.timeline, deployment) for deployment in deployments),
        waiting_panel(seen.timeline, seen.gauges.of(MODEL)),
    ]
    marks = [(seen.begin, "begins"), (seen.end, "done")]
    outcome.pictures[name] = picture(title, seen.timeline, panels, marks)
