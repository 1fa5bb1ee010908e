"""SIGKILL of a generation pod's process while streams run through it and through the other one."""

from __future__ import annotations

import asyncio

from cluster.answer import Answer
from cluster.load import quantile, summarize
from cluster.machine.faults import kill_container
from cluster.outcome import Outcome
from cluster.release import Release
from cluster.traffic import Traffic, expect_unharmed, traffic
from cluster.world import World

RUNG = "d"
TITLE = "A generation pod is killed: only its streams end, with an honest error within seconds"
ORDER = 400
REAL = "pods, kubelet, engines, streams of the bundled model; SIGKILL to the process"
NEEDS = ("own-machine",)
TIMEOUT = 180.0

_STREAMS = 12
_TOKENS = 384
_ENDS_WITHIN = 5.0
_AGAIN_OK_AFTER = 5.0
_HONEST = ("UNAVAILABLE", "INTERNAL", "'code'", "503")


async def run(world: World) -> Outcome:
    """One of the two pods dies; requests that come a few seconds later do not notice."""
    outcome = Outcome()
    release = await world.serving()
    pods = await release.pods("generation")
    outcome.expect("generation pods before", len(pods), ">= 2", len(pods) >= 2)
    async with traffic(world, release, _STREAMS, _TOKENS) as seen:
        killed = seen.mark("SIGKILL")
        name = pods[0]["metadata"]["name"]
        processes = await asyncio.to_thread(kill_container, world.cluster, release.namespace, name)
        outcome.expect("processes killed", processes, ">= 1", processes >= 1)
        await asyncio.sleep(_AGAIN_OK_AFTER)
        recovered = seen.mark("requests from here on have to be ok")
        with world.step("the killed pod is ready again"):
            await world.kubectl.rolled_out(release.deployment("generation"), release.namespace)
        again = seen.mark("ready again")
        await asyncio.sleep(3)
    outcome.tell("seconds until the pod was ready again", f"{again - killed:.1f}")
    _judge(outcome, seen, killed)
    expect_unharmed(outcome, f"streams sent {_AGAIN_OK_AFTER:g} s after or later", seen.sent_from(recovered))
    outcome.pictures["killed-generation"] = _picture(seen, release)
    return outcome


def _judge(outcome: Outcome, seen: Traffic, killed: float) -> None:
    running = seen.running_at(killed)
    hurt = [answer for answer in running if answer.status != "ok"]
    outcome.tell("streams that ran when it was killed", summarize(running))
    # Which stream runs through which pod is not told; two pods share them by turns, so that half of them is at stake.
    unhurt = len(running) - len(hurt)
    outcome.expect("of those, streams that went on to their ends", unhurt, ">= 1", unhurt >= 1)
    outcome.expect("streams that its death ended", len(hurt), ">= 1", len(hurt) >= 1)
    slowest = quantile([answer.ended - killed for answer in hurt], 1.0)
    outcome.expect(
        "seconds until the last of those had ended", f"{slowest:.2f}", f"<= {_ENDS_WITHIN:g}", slowest <= _ENDS_WITHIN
    )
    dishonest = [answer.why for answer in hurt if not _honest(answer)]
    outcome.expect("of those, without an error that says so", dishonest or 0, "0", not dishonest)
    for why, times in summarize(hurt).why.items():
        outcome.tell(f"told to {times} of those", why)


def _honest(answer: Answer) -> bool:
    return any(word in answer.why for word in _HONEST)


def _picture(seen: Traffic, release: Release) -> str:
    return seen.picture("SIGKILL of a generation pod", release.deployment("generation"))
