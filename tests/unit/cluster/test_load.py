"""The three kinds of load, and what is counted of them."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from cluster.answer import Answer, Ask
from cluster.load import Phase, Steady, arrivals, capacity, closed, opened, quantile, summarize

ASK = Ask("ko-2b", tokens=8)


class Desk:
    """Answers each request after `seconds`, and knows how many it had at once."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.now = self.most = 0
        self.numbers: list[int] = []

    async def ask(self, ask: Ask, number: int) -> Answer:
        """One answer without text."""
        sent = time.monotonic()
        self.now += 1
        self.most = max(self.most, self.now)
        self.numbers.append(number)
        await asyncio.sleep(self.seconds)
        self.now -= 1
        return Answer(number, "grpc", sent, time.monotonic() - sent, tokens=ask.tokens)


def answer(sent: float, seconds: float = 1.0, **more: object) -> Answer:
    """A whole one."""
    return Answer(0, "grpc", sent, seconds, **more)  # type: ignore[arg-type]


def test_arrivals_of_a_seed_are_always_the_same() -> None:
    """A trace can be run again."""
    phases = [Phase(5, 10), Phase(20, 10)]
    assert list(arrivals(phases, 7)) == list(arrivals(phases, 7))
    assert list(arrivals(phases, 7)) != list(arrivals(phases, 8))


def test_arrivals_have_the_rate_of_their_phase() -> None:
    """10,000 and 2,000 expected; 5 standard deviations are 500 and 224."""
    times = list(arrivals([Phase(100, 100), Phase(20, 100)], 1))
    early = sum(at < 100 for at in times)
    assert abs(early - 10_000) < 500
    assert abs(len(times) - early - 2_000) < 224
    assert times == sorted(times)


def test_gaps_between_arrivals_are_as_irregular_as_those_of_strangers() -> None:
    """Exponential gaps deviate by as much as their mean; a metronome's would not at all."""
    times = list(arrivals([Phase(50, 200)], 3))
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert deviation / mean == pytest.approx(1.0, abs=0.1)


async def test_open_loop_asks_on_while_nobody_is_answered() -> None:
    """Requests come at their times although the first has no answer yet."""
    desk = Desk(seconds=0.5)
    answers = await opened(desk, ASK, [Phase(100, 0.2)], seed=2, first=40)
    assert len(answers) == len(list(arrivals([Phase(100, 0.2)], 2)))
    assert desk.most == len(answers)
    assert sorted(desk.numbers) == list(range(40, 40 + len(answers)))


async def test_closed_loop_has_as_many_under_way_as_callers() -> None:
    """Nobody asks before the own answer is there."""
    desk = Desk()
    answers = await closed(desk, ASK, callers=3, seconds=0.1)
    assert desk.most == 3
    assert len({each.number for each in answers}) == len(answers) >= 3


async def test_steady_load_hears_all_streams_to_their_ends() -> None:
    """Also those that run when no new ones begin any more."""
    desk = Desk(seconds=0.3)
    async with Steady(desk, ASK, streams=4, spread=0.1) as load:
        while desk.now < 4:
            await asyncio.sleep(0.01)
    assert desk.now == 0
    assert len(load.answers) == len(desk.numbers) >= 4


async def test_steady_load_ends_at_once_when_its_scenario_fails() -> None:
    """Nobody waits for streams of a test that has failed."""
    desk = Desk(seconds=60)
    with pytest.raises(RuntimeError):
        async with Steady(desk, ASK, streams=2, spread=0.1):
            while not desk.now:
                await asyncio.sleep(0.01)
            raise RuntimeError("node is gone")


def test_capacity_leaves_out_the_begin_and_the_end() -> None:
    """Ten a second between the second 2 and the last request; what ends before or after does not count."""
    answers = [answer(sent=tenth / 10, seconds=0.5) for tenth in range(101)]
    assert capacity(answers, skip=2.0) == pytest.approx(10.0, rel=0.02)


def test_summary_counts_each_answer_once() -> None:
    """Times are those of whole answers."""
    answers = [
        answer(0, first=0.1, queued=0.0),
        answer(0, first=0.3, queued=2.0, resumes=1),
        answer(0, status="broken", first=9.0, why="UNAVAILABLE ENGINE_LOST"),
        answer(0, status="refused", why="RESOURCE_EXHAUSTED QUEUE_FULL"),
    ]
    found = summarize(answers)
    assert (found.sent, found.ok, found.broken, found.refused, found.resumed) == (4, 2, 1, 1, 1)
    assert (found.first_p50, found.first_p90, found.queued_p90) == (0.1, 0.3, 2.0)
    assert found.why == {"UNAVAILABLE ENGINE_LOST": 1, "RESOURCE_EXHAUSTED QUEUE_FULL": 1}
    assert str(found) == "2 ok, 1 broken, 1 refused of 4"


def test_quantile_of_nothing_is_zero() -> None:
    """A load without a whole answer has a summary, too."""
    assert quantile([], 0.9) == 0.0
    assert quantile([3, 1, 2], 0.5) == 2
