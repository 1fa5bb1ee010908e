"""SIGKILL of a generation pod's process while streams run through it and through the other one."""

from __future__ import annotations

import asyncio

from cluster.answer import Answer
from cluster.gauges import parsed
from cluster.kubectl import Kubectl, NotSeenError
from cluster.load import quantile, summarize
from cluster.machine.faults import kill_container
from cluster.outcome import Outcome
from cluster.release import Release
from cluster.traffic import STEADY, Traffic, expect_unharmed, traffic
from cluster.world import World

RUNG = "d"
TITLE = "A generation pod is killed: only its streams end, with an honest error within seconds"
ORDER = 400
REAL = "pods, kubelet, engines, streams of the bundled model; SIGKILL to the process"
NEEDS = ("own-machine",)
TIMEOUT = 360.0

_STREAMS = 12
_TOKENS = 192
_METRICS_PORT = 51063
_SHARED_SECONDS = 120.0
"""Gateways renew their connections at least once in this time, and then see all pods."""
_ENDS_WITHIN = 5.0
_AGAIN_OK_AFTER = 5.0
_HONEST = ("UNAVAILABLE", "'code'", "503")
"""Of gRPC, of an event in a stream of the OpenAI API, of its answer before a stream."""


async def run(world: World) -> Outcome:
    """One of the two pods dies; requests that come a few seconds later do not notice."""
    outcome = Outcome()
    release = await world.serving()
    pods = [pod["metadata"]["name"] for pod in await release.pods("generation")]
    outcome.expect("generation pods before", len(pods), ">= 2", len(pods) >= 2)
    async with traffic(world, release, _STREAMS, _TOKENS) as seen:
        with world.step("streams run through both pods"):
            own = await _shared(world.kubectl, release, pods)
        killed = seen.mark("SIGKILL")
        processes = await asyncio.to_thread(kill_container, world.cluster, release.namespace, pods[0])
        outcome.expect("processes killed", processes, ">= 1", processes >= 1)
        await asyncio.sleep(_AGAIN_OK_AFTER)
        recovered = seen.mark("all ok from here")
        with world.step("the killed pod is ready again"):
            await world.kubectl.rolled_out(release.deployment("generation"), release.namespace)
        outcome.tell("seconds until the pod was ready again", f"{seen.mark('ready again') - killed:.1f}")
        await asyncio.sleep(15)
    _judge(outcome, seen, killed, own)
    expect_unharmed(outcome, f"streams sent {_AGAIN_OK_AFTER:g} s after or later", seen.sent_from(recovered))
    outcome.pictures["killed_generation"] = seen.picture(
        "SIGKILL of a generation pod", release.deployment("generation")
    )
    return outcome


async def _shared(kubectl: Kubectl, release: Release, pods: list[str]) -> float:
    """Streams of the first pod, once all have some. Raises NotSeenError."""
    try:
        async with asyncio.timeout(_SHARED_SECONDS):
            while not all(running := [await _running(kubectl, release, pod) for pod in pods]):
                await asyncio.sleep(1)
    except TimeoutError:
        raise NotSeenError(f"not all of {pods} got streams within {_SHARED_SECONDS:g} s") from None
    return running[0]


async def _running(kubectl: Kubectl, release: Release, pod: str) -> float:
    path = f"/api/v1/namespaces/{release.namespace}/pods/{pod}:{_METRICS_PORT}/proxy/metrics"
    return parsed(await kubectl.raw(path)).get((STEADY, "running"), 0.0)


def _judge(outcome: Outcome, seen: Traffic, killed: float, own: float) -> None:
    running = seen.running_at(killed)
    hurt = [answer for answer in running if answer.status != "ok"]
    outcome.tell("streams that ran when it was killed", summarize(running))
    outcome.tell("of those, through the killed pod a moment before", f"{own:g}")
    outcome.expect("streams that its death ended", len(hurt), ">= 1", len(hurt) >= 1)
    unhurt = len(running) - len(hurt)
    outcome.expect("streams that went on to their ends", unhurt, ">= 1", unhurt >= 1)
    slowest = quantile([answer.ended - killed for answer in hurt], 1.0)
    quick = slowest <= _ENDS_WITHIN
    outcome.expect(
        "seconds until the last of those it ended had ended", f"{slowest:.2f}", f"<= {_ENDS_WITHIN:g}", quick
    )
    dishonest = [answer.why for answer in hurt if not _honest(answer)]
    outcome.expect("of those, without an error that says so", dishonest or 0, "0", not dishonest)
    for why, times in summarize(hurt).why.items():
        outcome.tell(f"told to {times} of those", why)


def _honest(answer: Answer) -> bool:
    return any(word in answer.why for word in _HONEST)
