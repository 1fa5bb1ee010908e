"""Who goes to the engine, and who waits."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.admission import Admission
from soban.runtime.errors import DeadlineExceeded, QueueFull

HIGH, NORMAL, LOW = pb.PRIORITY_HIGH, pb.PRIORITY_NORMAL, pb.PRIORITY_LOW


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Crowd:
    """Requests that hold their sequences until they are told to leave."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.inside: list[str] = []
        self._leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, need: int = 1, priority: Any = NORMAL, deadline: float | None = None) -> None:
        self._leave[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._stay(name, need, priority, deadline))
        await self.settle()

    async def leave(self, name: str) -> None:
        self._leave[name].set()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def _stay(self, name: str, need: int, priority: Any, deadline: float | None) -> None:
        async with self._admission.slots(need, priority, deadline) as stay:
            self.inside.append(name)
            await self._leave[name].wait()
            stay.completed = True


@pytest.fixture
async def crowd() -> Crowd:
    return Crowd(Admission(2, 3))


async def test_no_more_run_than_the_engine_takes(crowd: Crowd) -> None:
    """The next goes in when one leaves."""
    for name in ("가", "나", "다"):
        await crowd.come(name)
    admission = crowd._admission
    assert (crowd.inside, admission.running, admission.queued) == (["가", "나"], 2, 1)
    await crowd.leave("가")
    assert (crowd.inside, admission.running, admission.queued) == (["가", "나", "다"], 2, 0)


async def test_first_come_first_served(crowd: Crowd) -> None:
    """Within a priority."""
    for name in ("가", "나", "다", "라"):
        await crowd.come(name)
    await crowd.leave("나")
    await crowd.leave("가")
    assert crowd.inside == ["가", "나", "다", "라"]


async def test_a_person_goes_before_a_batch(crowd: Crowd) -> None:
    """By priority, not by arrival; an unknown priority is the usual one."""
    for name, priority in (("가", NORMAL), ("나", NORMAL), ("배치", LOW), ("보통", 0), ("사람", HIGH)):
        await crowd.come(name, priority=priority)
    for name in ("가", "나", "사람", "보통"):
        await crowd.leave(name)
    assert crowd.inside == ["가", "나", "사람", "보통", "배치"]


async def test_several_sequences_are_taken_together(crowd: Crowd) -> None:
    """Nobody behind them of the same priority slips in, but a higher one may."""
    await crowd.come("하나")
    await crowd.come("둘", need=2)
    await crowd.come("뒤")
    await crowd.come("급함", priority=HIGH)
    assert crowd.inside == ["하나", "급함"]
    await crowd.leave("급함")
    assert crowd.inside == ["하나", "급함"]
    await crowd.leave("하나")
    assert crowd.inside == ["하나", "급함", "둘"]
    await crowd.leave("둘")
    assert crowd.inside == ["하나", "급함", "둘", "뒤"]


async def test_a_full_queue_refuses_at_once(crowd: Crowd) -> None:
    """With a time to come again."""
    for name in "가나다라마":
        await crowd.come(name)
    with pytest.raises(QueueFull) as caught:
        async with crowd._admission.slots(1, NORMAL, None):
            pass
    assert caught.value.retry_after == 1.0


async def test_no_queue_means_no_waiting() -> None:
    """queueLimit 0."""
    admission = Admission(1, 0)
    async with admission.slots(1, NORMAL, None):
        with pytest.raises(QueueFull):
            async with admission.slots(1, NORMAL, None):
                pass


async def test_a_cancelled_waiter_leaves_the_queue(crowd: Crowd) -> None:
    """And the next one moves up."""
    for name in ("가", "나", "다", "라"):
        await crowd.come(name)
    crowd.tasks["다"].cancel()
    await crowd.settle()
    assert crowd._admission.queued == 1
    await crowd.leave("가")
    assert crowd.inside == ["가", "나", "라"]


async def test_a_waiter_cancelled_as_it_is_admitted_loses_nothing() -> None:
    """Both orders within one turn of the loop."""
    for cancel_first in (True, False):
        admission = Admission(1, 5)
        crowd = Crowd(admission)
        for name in ("가", "나", "다"):
            await crowd.come(name)
        if cancel_first:
            crowd.tasks["나"].cancel()
            crowd._leave["가"].set()
        else:
            crowd._leave["가"].set()
            await asyncio.sleep(0)
            crowd.tasks["나"].cancel()
        await crowd.settle()
        assert (crowd.inside, admission.running, admission.queued) == (["가", "다"], 1, 0)


async def test_a_wide_request_that_gives_up_lets_others_in(crowd: Crowd) -> None:
    """It stood in their way."""
    await crowd.come("하나")
    await crowd.come("둘", need=2)
    await crowd.come("뒤")
    crowd.tasks["둘"].cancel()
    await crowd.settle()
    assert crowd.inside == ["하나", "뒤"]


async def test_a_waiter_is_dropped_when_its_deadline_passes(crowd: Crowd) -> None:
    """It does not go to the engine any more."""
    await crowd.come("가")
    await crowd.come("나")
    await crowd.come("다", deadline=time.monotonic() + 0.01)
    with pytest.raises(DeadlineExceeded):
        await crowd.tasks["다"]
    assert crowd._admission.queued == 0


async def test_a_deadline_in_the_past_never_waits() -> None:
    """It is refused at once, but a free engine still serves."""
    admission = Admission(1, 5, Clock())
    async with admission.slots(1, NORMAL, 999.0):
        with pytest.raises(DeadlineExceeded):
            async with admission.slots(1, NORMAL, 999.0):
                pass


async def test_a_queue_longer_than_the_deadline_is_refused_at_once() -> None:
    """From the measured speed: a sequence took 10 s, so the second place is reached after 10 s."""
    clock = Clock()
    admission = Admission(2, 50, clock)
    async with admission.slots(1, NORMAL, None) as stay:
        clock.now += 10.0
        stay.completed = True
    crowd = Crowd(admission)
    for name in ("가", "나", "다"):
        await crowd.come(name)
    with pytest.raises(QueueFull) as caught:
        async with admission.slots(1, NORMAL, clock.now + 4.0):
            pass
    assert caught.value.retry_after == pytest.approx(6.0)


async def test_the_time_to_come_again_follows_the_speed() -> None:
    """Four places at 10 s for each sequence on two slots."""
    clock = Clock()
    admission = Admission(2, 3, clock)
    async with admission.slots(1, NORMAL, None) as stay:
        clock.now += 10.0
        stay.completed = True
    crowd = Crowd(admission)
    for name in "가나다라마":
        await crowd.come(name)
    with pytest.raises(QueueFull) as caught:
        async with admission.slots(1, NORMAL, None):
            pass
    assert caught.value.retry_after == pytest.approx(20.0)


async def test_only_whole_answers_are_a_measure() -> None:
    """Refusals, cancelled calls and waits for a dead engine tell nothing of its speed."""
    clock = Clock()
    admission = Admission(1, 0, clock)
    async with admission.slots(1, NORMAL, None) as stay:
        clock.now += 8.0
        stay.completed = True
    with pytest.raises(ConnectionError):
        async with admission.slots(1, NORMAL, None):
            raise ConnectionError
    async with admission.slots(1, NORMAL, None):
        with pytest.raises(QueueFull) as caught:
            async with admission.slots(1, NORMAL, None):
                pass
    assert caught.value.retry_after == pytest.approx(8.0)
