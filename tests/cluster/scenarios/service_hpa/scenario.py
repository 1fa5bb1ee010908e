"""A service without engines grows by its use of a processor: HPA and metrics-server alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from cluster.outcome import Outcome
from cluster.picture import picture, replicas_panel
from cluster.reach import Gateway
from cluster.release import Release
from cluster.world import World

RUNG = "c"
TITLE = "Safety grows by HPA when texts to check keep its processors busy, and shrinks afterwards"
ORDER = 340
REAL = "metrics-server, HPA, kubelets' measurements, pods of safety"
TIMEOUT = 420.0

_CALLERS = 6
_UP_SECONDS, _DOWN_SECONDS = 120.0, 180.0
_TEXT = "오늘은 날씨가 참 좋네요. 주말에 한강에서 자전거를 타기로 했어요. 연락처는 010-1234-5678입니다. " * 40


async def run(world: World) -> Outcome:
    """Asks the gateway's moderation until a second pod is there."""
    outcome = Outcome()
    release = await world.serving()
    with world.step("helm upgrade --wait: safety scales"):
        await release.upgrade(Path(__file__).with_name("values.yaml"))
    try:
        await _scale(world, release, outcome)
    finally:
        with world.step("helm upgrade --wait: safety as before"):
            await release.upgrade()
    return outcome


async def _scale(world: World, release: Release, outcome: Outcome) -> None:
    safety = release.deployment("safety")
    async with world.timeline(release.namespace) as timeline:
        await timeline.until(safety, lambda seen: seen.desired == seen.ready == 1, _DOWN_SECONDS)
        with world.step(f"{_CALLERS} callers keep safety busy"):
            async with _busy(release.gateway) as counts:
                begin = timeline.now()
                up = await timeline.until(safety, lambda seen: seen.ready >= 2, _UP_SECONDS, begin)
            end = timeline.now()
        with world.step("safety shrinks to 1 replica"):
            down = await timeline.until(safety, lambda seen: seen.desired == 1, _DOWN_SECONDS, end)
    decided = timeline.first(safety, lambda seen: seen.desired >= 2, begin)
    outcome.tell("load begins -> 2 replicas wanted", f"{decided.at - begin:.0f} s" if decided else "never")
    outcome.tell("load begins -> 2 replicas ready", f"{up.at - begin:.0f} s")
    outcome.tell("load ends -> 1 replica wanted", f"{down.at - end:.0f} s")
    outcome.expect("texts checked, failed", f"{counts[0]}, {counts[1]}", "> 0, 0", counts[0] > 0 and not counts[1])
    marks = [(begin, "load begins"), (end, "load ends")]
    outcome.pictures["service_hpa"] = picture("Safety under load", timeline, [replicas_panel(timeline, safety)], marks)


@contextlib.asynccontextmanager
async def _busy(gateway: Gateway) -> AsyncIterator[list[int]]:
    """Callers that ask again at once; yields how many texts were checked, and how many failed."""
    counts = [0, 0]

    async def call(session: aiohttp.ClientSession) -> None:
        while True:
            async with session.post("/v1/moderations", json={"input": _TEXT}) as response:
                counts[response.status != 200] += 1
                await response.read()

    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(gateway.http, connector=connector) as session:
        callers = [asyncio.create_task(call(session)) for _ in range(_CALLERS)]
        try:
            yield counts
        finally:
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)
