"""Streams that run all the time while something is done to the cluster, and what became of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from cluster.answer import Answer, Ask
from cluster.client import Client
from cluster.drawing import Panel
from cluster.load import Steady, Summary, summarize
from cluster.outcome import Outcome
from cluster.picture import picture, replicas_panel, streams_panel
from cluster.release import Release
from cluster.timeline import Timeline
from cluster.world import World

STEADY, SCALED = "soban-demo", "busy"
"""Models of the shared release: one with replicas that stay, one that KEDA scales by its load."""

_BEFORE_SECONDS = 3.0


@dataclass
class Traffic:
    """Of one `async with traffic(...)`; `answers` is whole after it."""

    timeline: Timeline
    answers: list[Answer] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)

    def mark(self, words: str) -> float:
        """Notes that something was done now; returns now, on time.monotonic."""
        now = time.monotonic()
        self.marks.append((now, words))
        return now

    def sent_from(self, at: float) -> list[Answer]:
        """Answers to requests that were sent at that time or later."""
        return [answer for answer in self.answers if answer.sent >= at]

    def running_at(self, at: float) -> list[Answer]:
        """Answers that had begun and not ended at that time."""
        return [answer for answer in self.answers if answer.sent < at < answer.ended]

    def fewest(self, deployment: str, begin: float, end: float) -> int:
        """The least number of replicas that was wanted at any time from `begin` to `end`."""
        states = self.timeline.of(deployment)
        before = [state.desired for state in states if state.at <= begin][-1:]
        return min(before + [state.desired for state in states if begin < state.at <= end])

    def picture(self, title: str, *deployments: str) -> str:
        """Streams over time, and replicas of these Deployments."""
        panels: list[Panel] = [streams_panel(self.timeline, self.answers)]
        panels += [replicas_panel(self.timeline, deployment) for deployment in deployments]
        return picture(title, self.timeline, panels, self.marks)


@contextlib.asynccontextmanager
async def traffic(
    world: World, release: Release, streams: int, tokens: int, model: str = STEADY
) -> AsyncIterator[Traffic]:
    """`streams` at all times, by gRPC and HTTP; the body begins when some have run, the exit waits for all to end."""
    ask = Ask(model, tokens)
    async with world.timeline(release.namespace) as timeline, Client(release.gateway) as client:
        seen = Traffic(timeline)
        async with Steady(client, ask, streams, first=int(time.monotonic()) * 1000) as steady:
            seen.answers = steady.answers
            await _some(steady.answers)
            yield seen


def expect_unharmed(outcome: Outcome, what: str, answers: Sequence[Answer]) -> Summary:
    """Adds a line: every stream came whole."""
    summary = summarize(answers)
    unharmed = bool(answers) and summary.ok == summary.sent
    outcome.expect(what, f"{summary}{_reasons(summary)}", "all ok", unharmed)
    return summary


def _reasons(summary: Summary) -> str:
    return f" ({'; '.join(f'{times}x {why}' for why, times in summary.why.items())})" if summary.why else ""


async def _some(answers: Sequence[Answer]) -> None:
    """Until a first answer has come and the streams of all callers have begun."""
    await asyncio.sleep(_BEFORE_SECONDS)
    while not answers:
        await asyncio.sleep(0.1)
