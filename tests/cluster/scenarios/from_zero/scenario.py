"""A pool at zero: requests are held, our scaler wakes it through KEDA, and they are answered; then it sleeps again."""

from __future__ import annotations

import asyncio

from cluster.answer import Answer, Ask
from cluster.client import Client
from cluster.gauges import Gauges
from cluster.keda import holds
from cluster.load import summarize
from cluster.outcome import Outcome
from cluster.picture import picture, replicas_panel, waiting_panel
from cluster.release import Release
from cluster.timeline import Timeline
from cluster.world import World

RUNG = "c"
TITLE = "Requests that meet a pool at zero wake it by external-push within a second, and are answered"
ORDER = 320
REAL = "scaler, KEDA's external-push, engine pod, held requests"
TIMEOUT = 240.0

_MODEL = "sleeper"
_REQUESTS = 6
_ROUNDS = 2
_DECISION_SECONDS = 1.0
_ASLEEP_SECONDS = 90.0


async def run(world: World) -> Outcome:
    """Wakes the pool twice: the second time shows that it had gone to sleep by itself."""
    outcome = Outcome()
    release = await world.serving()
    marks: list[tuple[float, str]] = []
    pool = release.engine(_MODEL)
    async with world.timeline(release.namespace) as timeline, Gauges(release) as gauges:
        await _scaler_heard(release)
        for number in range(1, _ROUNDS + 1):
            with world.step(f"round {number}: the pool sleeps"):
                await timeline.until(pool, lambda seen: seen.desired == seen.ready == 0, _ASLEEP_SECONDS, _last(marks))
            with world.step(f"round {number}: {_REQUESTS} requests are held and answered"):
                answers = await _wake(release, number)
            marks.append((answers[0].sent, f"round {number}"))
            _judge(outcome, timeline, pool, answers, number)
        held = max((gauge.held for gauge in gauges.of(_MODEL)), default=0)
    outcome.expect("most requests held at once", f"{held:g}", ">= 1", held >= 1)
    panels = [replicas_panel(timeline, pool), waiting_panel(timeline, gauges.of(_MODEL))]
    outcome.pictures["from_zero"] = picture("A pool at zero is woken by held requests", timeline, panels, marks)
    return outcome


async def _scaler_heard(release: Release) -> None:
    """KEDA comes back to a scaler that was not there at first only after a while."""
    ref = f"scaledobject/{release.engine(_MODEL)}"
    await release.kubectl.until("KEDA takes the pool", ref, release.namespace, lambda found: holds(found, "Ready"))


async def _wake(release: Release, number: int) -> list[Answer]:
    ask = Ask(_MODEL, tokens=64, timeout=60)
    async with Client(release.gateway) as client:
        numbers = range(number * 1000, number * 1000 + _REQUESTS)
        return list(await asyncio.gather(*(client.ask(ask, each) for each in numbers)))


def _judge(outcome: Outcome, timeline: Timeline, pool: str, answers: list[Answer], number: int) -> None:
    sent = min(answer.sent for answer in answers)
    decided = timeline.first(pool, lambda seen: seen.desired >= 1, sent)
    ready = timeline.first(pool, lambda seen: seen.ready >= 1, sent)
    seconds = decided.at - sent if decided else float("inf")
    fast = seconds <= _DECISION_SECONDS
    outcome.expect(
        f"round {number}: first request sent -> 1 replica wanted",
        f"{seconds:.2f} s",
        f"<= {_DECISION_SECONDS:g} s",
        fast,
    )
    outcome.tell(f"round {number}: -> replica ready", f"{ready.at - sent:.2f} s" if ready else "never")
    found = summarize(answers)
    outcome.tell(f"round {number}: -> first text, p50", f"{found.first_p50:.2f} s")
    outcome.expect(f"round {number}: answers", f"{found} {found.why or ''}", "all ok", found.ok == found.sent)


def _last(marks: list[tuple[float, str]]) -> float:
    return marks[-1][0] if marks else 0.0
