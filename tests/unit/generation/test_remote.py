"""An engine that somebody else runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from soban.generation.engines.http import Endpoint
from soban.generation.remote import RemoteHost, Rhythm

QUICK = Rhythm(ready=0.001, away=0.001, longest_away=0.002)
RARE = Rhythm(ready=1000.0, away=0.001, longest_away=0.002)


class Probe:
    """Answers as it is told; `answers` run out before `there` counts."""

    def __init__(self, there: bool = True) -> None:
        self.there = there
        self.answers: Iterator[bool | Exception] = iter(())
        self.asked = 0
        self._wanted: tuple[int, asyncio.Event] = (0, asyncio.Event())

    async def __call__(self) -> bool:
        self.asked += 1
        if self.asked >= self._wanted[0]:
            self._wanted[1].set()
        answer = next(self.answers, self.there)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def asked_again(self, times: int) -> None:
        """Returns after so many further probes, the last of them heard."""
        self._wanted = (self.asked + times + 1, asyncio.Event())
        await asyncio.wait_for(self._wanted[1].wait(), 10)


@contextlib.asynccontextmanager
async def watched(probe: Probe, rhythm: Rhythm = QUICK) -> AsyncIterator[tuple[RemoteHost, list[tuple[bool, bool]]]]:
    """A host, and what it told of `ready` and `loading`."""
    host = RemoteHost("engine", Endpoint("http://engine:8080"), rhythm)
    told: list[tuple[bool, bool]] = []
    host.on_change(lambda: told.append((host.ready, host.loading)))
    assert host.loading
    await host.start(probe)
    try:
        yield host, told
    finally:
        await host.stop()
        assert not host.ready


async def test_the_start_does_not_wait_for_an_engine_that_is_away() -> None:
    """It may come later."""
    probe = Probe(there=False)
    async with watched(probe) as (host, told):
        assert told == [(False, False)]
        probe.there = True
        await probe.asked_again(1)
        assert told == [(False, False), (True, False)]
        assert host.endpoint().url == "http://engine:8080"


async def test_a_busy_engine_may_miss_a_probe() -> None:
    """Two are not enough to be away."""
    probe = Probe()
    async with watched(probe) as (host, told):
        probe.answers = iter([False, False, True, False, False])
        await probe.asked_again(6)
        assert host.ready
        assert told == [(True, False)]


async def test_an_engine_that_misses_three_is_away() -> None:
    """In a row."""
    probe = Probe()
    async with watched(probe) as (host, told):
        probe.there = False
        await probe.asked_again(3)
        assert not host.ready
        assert told == [(True, False), (False, False)]


async def test_a_doubt_is_looked_into_at_once() -> None:
    """The loss of the request and two probes make three."""
    probe = Probe()
    async with watched(probe, RARE) as (host, told):
        probe.there = False
        host.doubt()
        await probe.asked_again(2)
        assert not host.ready
        assert told[-1] == (False, False)


async def test_many_doubts_are_one() -> None:
    """A hundred streams that die together say no more than one; the engine that answers stays."""
    probe = Probe()
    async with watched(probe, RARE) as (host, told):
        for _ in range(100):
            host.doubt()
        while probe.asked < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert host.ready
        assert told == [(True, False)]


async def test_pauses_double_while_it_is_away() -> None:
    """Up to the longest."""
    host = RemoteHost("engine", Endpoint("http://engine:8080"))
    seconds = []
    for _ in range(6):
        host._tell(False)
        seconds.append(host._seconds())
    assert seconds == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    host._tell(True)
    assert host._seconds() == 2.0


async def test_a_probe_that_fails_does_not_end_the_watch() -> None:
    """It counts as no."""
    probe = Probe()
    async with watched(probe) as (host, _):
        probe.answers = iter([KeyError("a bug"), KeyError("a bug"), KeyError("a bug")])
        await probe.asked_again(5)
        assert host.ready
