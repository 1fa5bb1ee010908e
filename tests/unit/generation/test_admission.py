"""Who goes to the engines, and who waits."""

from __future__ import annotations

import asyncio
import logging

import pytest

from soban.runtime.errors import DeadlineExceeded, EngineOverloaded, NoReplica, QueueFull
from unit.generation.crowd import HIGH, LOW, NORMAL, Crowd


async def test_no_more_run_than_the_engines_take() -> None:
    """The next goes in when one leaves."""
    crowd = Crowd(2, 3)
    await crowd.come("가", "나", "다")
    assert (crowd.inside, crowd.counts) == (["가", "나"], (2, 1, 0))
    await crowd.leave("가")
    assert (crowd.inside, crowd.counts) == (["가", "나", "다"], (2, 0, 0))


async def test_first_come_first_served() -> None:
    """Within a priority and a tenant."""
    crowd = Crowd(2, 3)
    await crowd.come("가", "나", "다", "라")
    assert await crowd.serve_all() == ["가", "나", "다", "라"]


async def test_a_person_goes_before_a_batch() -> None:
    """By priority, not by arrival; an unknown priority is the usual one."""
    crowd = Crowd(2, 9)
    for name, priority in (("가", NORMAL), ("나", NORMAL), ("배치", LOW), ("보통", 0), ("사람", HIGH)):
        await crowd.come(name, priority=priority)
    assert await crowd.serve_all() == ["가", "나", "사람", "보통", "배치"]


async def test_several_sequences_are_taken_together() -> None:
    """Nobody behind them of the same priority slips in, but a higher one may."""
    crowd = Crowd(2, 9)
    await crowd.come("하나")
    await crowd.come("둘", need=2)
    await crowd.come("뒤", tenant="이웃")
    await crowd.come("급함", priority=HIGH)
    assert crowd.inside == ["하나", "급함"]
    await crowd.leave("급함")
    assert crowd.inside == ["하나", "급함"]
    await crowd.leave("하나")
    assert crowd.inside == ["하나", "급함", "둘"]
    await crowd.leave("둘")
    assert crowd.inside == ["하나", "급함", "둘", "뒤"]


async def test_a_wide_request_is_not_overtaken_by_a_stream_of_small_ones() -> None:
    """Once it is in front it saves up places, whatever smaller work comes of other tenants."""
    crowd = Crowd(4, 99)
    await crowd.come("a", "b", "c", "d")
    await crowd.come("넓음", need=4, work=4000, tenant="연구팀")
    await crowd.leave("a")
    for number in range(20):
        await crowd.come(f"작음{number}", tenant=f"손님{number}")
    await crowd.leave("b", "c", "d")
    assert crowd.inside[4:] == ["넓음"]


async def test_who_needs_more_than_all_replicas_have_gets_all_of_them() -> None:
    """Replicas that went may not come back, and others wait behind."""
    crowd = Crowd(4, 9)
    await crowd.come("가")
    await crowd.come("넓음", need=4)
    crowd.admission.set_capacity(2)
    await crowd.come("뒤")
    await crowd.leave("가")
    assert (crowd.inside, crowd.counts) == (["가", "넓음"], (2, 1, 0))
    crowd.admission.set_capacity(8)
    await crowd.settle()
    assert (crowd.inside, crowd.counts) == (["가", "넓음", "뒤"], (3, 0, 0))
    await crowd.leave("넓음", "뒤")
    assert crowd.counts == (0, 0, 0)


async def test_capacity_may_shrink_below_what_runs() -> None:
    """Nobody is thrown out, and nobody goes in until enough have left."""
    crowd = Crowd(4, 9)
    await crowd.come("가", "나", "다", "라", "마")
    crowd.admission.set_capacity(2)
    await crowd.leave("가", "나")
    assert crowd.counts == (2, 1, 0)
    await crowd.leave("다")
    assert (crowd.inside[4:], crowd.counts) == (["마"], (2, 0, 0))


async def test_a_full_queue_refuses_at_once() -> None:
    """With a time to come again."""
    crowd = Crowd(2, 3)
    await crowd.come(*"가나다라마")
    err = await crowd.refusal()
    assert isinstance(err, QueueFull)
    assert (err.retry_after, err.metadata) == (1.0, {"cause": "full"})


async def test_no_queue_means_no_waiting() -> None:
    """queueLimit 0."""
    crowd = Crowd(1, 0)
    await crowd.come("가")
    assert isinstance(await crowd.refusal(), QueueFull)
    crowd.admission.set_capacity(0)
    assert isinstance(await crowd.refusal(), NoReplica)


async def test_a_cancelled_waiter_leaves_the_queue() -> None:
    """And the next one moves up."""
    crowd = Crowd(2, 3)
    await crowd.come("가", "나", "다", "라")
    crowd.tasks["다"].cancel()
    await crowd.settle()
    assert crowd.counts == (2, 1, 0)
    await crowd.leave("가")
    assert crowd.inside == ["가", "나", "라"]


async def test_a_wide_request_that_gives_up_lets_others_in() -> None:
    """It stood in their way."""
    crowd = Crowd(2, 3)
    await crowd.come("하나")
    await crowd.come("둘", need=2)
    await crowd.come("뒤")
    crowd.tasks["둘"].cancel()
    await crowd.settle()
    assert crowd.inside == ["하나", "뒤"]


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("event", ["leave", "capacity", "requeue"])
async def test_a_waiter_cancelled_around_its_admission_loses_nothing(turns: int, event: str) -> None:
    """In every turn of the loop before, at and after it."""
    crowd = Crowd(1, 5)
    await crowd.come("가", "나", "다")
    if event == "leave":
        crowd._leave["가"].set()
    elif event == "capacity":
        crowd.admission.set_capacity(2)
    else:
        crowd.admission.set_capacity(0)
        await crowd.return_("가")
        crowd.admission.set_capacity(1)
    victim = "가 again" if event == "requeue" else "나"
    for _ in range(turns):
        await asyncio.sleep(0)
    crowd.tasks[victim].cancel()
    await crowd.settle()
    await crowd.leave("가", "나", "다")
    assert crowd.counts == (0, 0, 0)
    assert "다" in crowd.inside


async def test_cancelled_and_displaced_at_once_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Nor a lost place."""
    crowd = Crowd(1, 1)
    await crowd.come("가")
    await crowd.come("배치", priority=LOW)
    crowd.tasks["배치"].cancel()
    crowd.tasks["급함"] = asyncio.create_task(crowd.place(priority=HIGH).__aenter__())  # type: ignore[assignment]
    await crowd.settle()
    assert crowd.counts == (1, 1, 0)
    await crowd.leave("가")
    assert crowd.counts == (1, 0, 0)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


# --- deadlines and times to come again ---


async def test_a_waiter_is_dropped_when_its_deadline_passes() -> None:
    """It does not go to the engine any more."""
    crowd = Crowd(1, 5)
    await crowd.come("가")
    await crowd.come("나", deadline=0.01)
    crowd.clock.now += 0.02
    with pytest.raises(DeadlineExceeded):
        await crowd.tasks["나"]
    assert crowd.counts == (1, 0, 0)


async def test_a_deadline_in_the_past_never_waits() -> None:
    """It is refused at once, but a free engine still serves."""
    crowd = Crowd(1, 5)
    await crowd.come("가", deadline=-1)
    assert crowd.inside == ["가"]
    assert isinstance(await crowd.refusal(deadline=-1), DeadlineExceeded)


async def test_a_queue_longer_than_the_deadline_is_refused_at_once() -> None:
    """A sequence takes 10 s, so the second place is reached after 10 s, and the answer is there after 20 s."""
    crowd = Crowd(2, 50)
    await crowd.learn(10.0)
    await crowd.come("가", "나", "다")
    await crowd.come("라", deadline=20.1)
    assert crowd.counts == (2, 2, 0)
    crowd.tasks["라"].cancel()
    await crowd.settle()
    err = await crowd.refusal(deadline=14.0)
    assert isinstance(err, QueueFull)
    assert err.metadata == {"cause": "deadline"}
    assert err.retry_after == pytest.approx(6.0)


async def test_waits_are_told_by_work_and_not_by_counts() -> None:
    """One request of a long document in front is as much as a hundred questions."""
    crowd = Crowd(1, 200)
    await crowd.learn(1.0, work=100)
    await crowd.come("안", work=100)
    await crowd.come("긴 문서", work=10_000)
    assert isinstance(await crowd.refusal(work=100, deadline=50.0), QueueFull)
    await crowd.come("다른 손님", work=100, tenant="이웃", deadline=50.0)
    assert crowd.admission.queued == 2, "its own share is not behind that document"


async def test_more_replicas_shorten_the_wait() -> None:
    """By capacity."""
    crowd = Crowd(1, 50)
    await crowd.learn(10.0)
    await crowd.come("가", "나", "다", "라")
    assert isinstance(await crowd.refusal(deadline=30.0), QueueFull)
    crowd.admission.set_capacity(2)
    await crowd.come("마", deadline=30.0)
    assert crowd.admission.queued == 3


async def test_the_time_to_come_again_follows_the_speed() -> None:
    """Four places at 10 s for each sequence on two slots."""
    crowd = Crowd(2, 3)
    await crowd.learn(10.0)
    await crowd.come(*"가나다라마")
    err = await crowd.refusal()
    assert isinstance(err, QueueFull)
    assert err.retry_after == pytest.approx(20.0)


async def test_an_urgent_request_waits_only_for_the_urgent() -> None:
    """Its deadline is not held against what it overtakes."""
    crowd = Crowd(1, 50)
    await crowd.learn(10.0)
    await crowd.come(*"가나다라마")
    await crowd.come("급함", priority=HIGH, deadline=25.0)
    assert crowd.admission.queued == 5


async def test_only_whole_answers_are_a_measure() -> None:
    """Refusals, cancelled calls and waits for a dead engine tell nothing of its speed."""
    crowd = Crowd(1, 0)
    await crowd.learn(8.0)
    with pytest.raises(ConnectionError):
        async with crowd.place():
            raise ConnectionError
    await crowd.come("가")
    err = await crowd.refusal()
    assert isinstance(err, QueueFull)
    assert err.retry_after == pytest.approx(8.0)


async def test_who_has_become_hopeless_in_the_queue_is_not_sent_to_an_engine() -> None:
    """The place goes to one who can still be answered in time."""
    crowd = Crowd(1, 5)
    await crowd.learn(10.0)
    await crowd.come("가")
    await crowd.come("나", deadline=21.0)
    await crowd.come("다")
    crowd.clock.now += 15.0
    await crowd.leave("가")
    assert crowd.inside == ["가", "다"]
    err = crowd.tasks["나"].exception()
    assert isinstance(err, QueueFull)
    assert err.metadata == {"cause": "late"}


@pytest.mark.parametrize("capacity", [0, 1])
async def test_who_can_no_longer_be_in_time_is_told_so_while_it_waits(capacity: int) -> None:
    """Not at its deadline: an answer takes 10 s, and 10 s before the deadline it has not had its turn."""
    crowd = Crowd(1, 5)
    await crowd.learn(10.0)
    await crowd.resize(0)
    await crowd.come("나", deadline=10.02)
    await crowd.come("급함", priority=HIGH)
    await crowd.resize(capacity)
    assert (crowd.admission.queued, crowd.admission.held) == ((0, 2), (1, 0))[capacity]
    crowd.clock.now += 0.03
    with pytest.raises(QueueFull if capacity else NoReplica) as caught:
        await crowd.tasks["나"]
    assert caught.value.metadata == ({"cause": "late"} if capacity else {})
    assert crowd.admission.running == capacity


async def test_a_timer_that_comes_too_early_waits_on() -> None:
    """The speed may have become another meanwhile."""
    crowd = Crowd(1, 5)
    await crowd.come("가")
    await crowd.come("나", deadline=0.02)
    crowd.clock.now += 0.01
    await asyncio.sleep(0.03)
    assert crowd.counts == (1, 1, 0)
    crowd.clock.now += 0.01
    with pytest.raises(DeadlineExceeded):
        await crowd.tasks["나"]


async def test_refused_clients_do_not_come_back_in_one_wave() -> None:
    """Their times differ, and none is shorter than the wait."""
    crowd = Crowd(1, 0)
    await crowd.learn(8.0)
    await crowd.come("가")
    chances = iter((0.0, 0.5, 1.0))
    crowd.admission._chance = lambda: next(chances)
    told = []
    for _ in range(3):
        err = await crowd.refusal()
        assert isinstance(err, QueueFull)
        told.append(err.retry_after)
    assert told == [pytest.approx(8.0), pytest.approx(9.0), pytest.approx(10.0)]


# --- a full queue ---


async def test_an_urgent_request_takes_the_place_of_the_newest_batch() -> None:
    """Which is told to come again."""
    crowd = Crowd(1, 3)
    await crowd.come("가", "나")
    await crowd.come("배치1", "배치2", priority=LOW)
    await crowd.come("급함", priority=HIGH)
    err = crowd.tasks["배치2"].exception()
    assert isinstance(err, QueueFull)
    assert err.metadata == {"cause": "displaced"}
    assert err.retry_after
    assert await crowd.serve_all() == ["가", "급함", "나", "배치1"]


async def test_an_urgent_request_that_cannot_be_in_time_pushes_nobody_out() -> None:
    """It is refused itself."""
    crowd = Crowd(1, 1)
    await crowd.learn(10.0)
    await crowd.come("가")
    await crowd.come("배치", priority=LOW)
    assert isinstance(await crowd.refusal(priority=HIGH, deadline=5.0), QueueFull)
    assert crowd.admission.queued == 1


async def test_a_tenant_that_fills_the_queue_makes_room_for_the_others() -> None:
    """Until all have as many places."""
    crowd = Crowd(1, 4)
    await crowd.come("가", "나", "다", "라", "마", tenant="대량")
    await crowd.come("옆집1", tenant="옆집")
    assert isinstance(crowd.tasks["마"].exception(), QueueFull)
    await crowd.come("옆집2", tenant="옆집")
    assert isinstance(crowd.tasks["라"].exception(), QueueFull)
    assert isinstance(await crowd.refusal(tenant="옆집"), QueueFull)
    assert isinstance(await crowd.refusal(tenant="대량"), QueueFull)
    assert await crowd.serve_all() == ["가", "나", "옆집1", "다", "옆집2"]


# --- tenants ---


async def test_a_thousand_requests_of_one_tenant_do_not_delay_the_other() -> None:
    """It is next but one at most."""
    crowd = Crowd(1, 2000)
    await crowd.come("안")
    await crowd.come(*(f"대량{number}" for number in range(1000)), tenant="대량")
    await crowd.come("한 번", tenant="개인")
    await crowd.leave("안")
    await crowd.leave(crowd.inside[1])
    assert "한 번" in crowd.inside[1:3]
    for task in crowd.tasks.values():
        task.cancel()
    await crowd.settle()
    assert crowd.counts == (0, 0, 0)


# --- without replicas ---


async def test_requests_are_held_while_there_is_no_replica() -> None:
    """And go in order when one is there, as many as it takes."""
    crowd = Crowd(0, 9)
    await crowd.come("가", "나", "다")
    await crowd.come("급함", priority=HIGH)
    assert (crowd.inside, crowd.counts) == ([], (0, 0, 4))
    crowd.admission.set_capacity(2)
    await crowd.settle()
    assert (crowd.inside, crowd.counts) == (["급함", "가"], (2, 2, 0))


async def test_held_requests_are_bounded_by_number() -> None:
    """The next one is told when a replica is expected: it took 40 s the last time, and 10 s are over."""
    crowd = Crowd(0, 2, hold_seconds=60.0)
    crowd.clock.now += 40.0
    crowd.admission.set_capacity(1)
    crowd.admission.set_capacity(0)
    crowd.clock.now += 10.0
    await crowd.come("가", "나")
    err = await crowd.refusal()
    assert isinstance(err, QueueFull)
    assert err.retry_after == pytest.approx(30.0)


async def test_held_requests_are_bounded_by_time() -> None:
    """Then the reason why there is no replica is told."""
    crowd = Crowd(0, 9, hold_seconds=0.02)
    await crowd.come("가")
    crowd.clock.now += 0.02
    with pytest.raises(NoReplica, match="복제본이 없습니다") as caught:
        await crowd.tasks["가"]
    assert caught.value.retry_after == 1.0
    assert crowd.counts == (0, 0, 0)


async def test_the_queue_is_held_from_the_moment_when_the_last_replica_went() -> None:
    """Not from when its requests came."""
    crowd = Crowd(1, 9, hold_seconds=0.02)
    await crowd.come("가", "나")
    crowd.clock.now += 100.0
    crowd.admission.set_capacity(0)
    await crowd.come("다")
    assert crowd.counts == (1, 0, 2)
    await asyncio.sleep(0.03)
    assert crowd.counts == (1, 0, 2)
    crowd.clock.now += 0.02
    for name in ("나", "다"):
        with pytest.raises(NoReplica):
            await crowd.tasks[name]


async def test_nobody_runs_out_once_a_replica_is_there() -> None:
    """Waiting for a turn is no holding."""
    crowd = Crowd(0, 9, hold_seconds=0.01)
    await crowd.come("가", "나")
    crowd.admission.set_capacity(1)
    crowd.clock.now += 1.0
    await asyncio.sleep(0.03)
    assert (crowd.inside, crowd.counts) == (["가"], (1, 1, 0))


async def test_no_holding_means_an_answer_at_once() -> None:
    """holdSeconds 0."""
    assert isinstance(await Crowd(0, 9, hold_seconds=0.0).refusal(), NoReplica)


async def test_a_deadline_while_held_tells_why() -> None:
    """The client learns what was missing."""
    crowd = Crowd(0, 9)
    await crowd.come("가", deadline=0.01)
    crowd.clock.now += 0.02
    with pytest.raises(DeadlineExceeded, match="복제본이 없습니다"):
        await crowd.tasks["가"]


# --- engines that are overloaded ---


async def test_a_request_that_an_engine_sent_back_waits_in_front() -> None:
    """Of its class, and gives its sequences to a higher one."""
    crowd = Crowd(1, 9)
    await crowd.come("가", "나")
    crowd.admission.set_capacity(0)
    await crowd.return_("가", 1.0)
    await crowd.come("급함", priority=HIGH)
    assert crowd.counts == (0, 0, 3)
    crowd.admission.set_capacity(1)
    await crowd.settle()
    await crowd.leave("급함")
    assert crowd.inside == ["가", "급함", "가 again"]
    await crowd.leave("가", "나")
    assert crowd.inside[-1] == "나"
    assert crowd.counts == (0, 0, 0)


async def test_where_another_replica_is_free_it_goes_there_at_once() -> None:
    """Though others wait."""
    crowd = Crowd(1, 9)
    await crowd.come("가", "나")
    await crowd.return_("가", 5.0)
    assert (crowd.inside, crowd.counts) == (["가", "가 again"], (1, 1, 0))


async def test_a_full_queue_takes_back_who_was_in() -> None:
    """It had its place."""
    crowd = Crowd(1, 1)
    await crowd.come("가", "나")
    crowd.admission.set_capacity(0)
    await crowd.return_("가", 1.0)
    assert crowd.counts == (0, 0, 2)


async def test_it_is_sent_back_a_bounded_number_of_times() -> None:
    """Then the engine's word is passed on."""
    crowd = Crowd(1, 1)
    async with crowd.place() as place:
        for _ in range(8):
            await place.requeue(2.0)
        with pytest.raises(EngineOverloaded) as caught:
            await place.requeue(2.0)
        assert caught.value.retry_after == 2.0
    assert crowd.counts == (0, 0, 0)


async def test_it_keeps_its_deadline() -> None:
    """Where all engines are overloaded for longer, it is refused at once."""
    crowd = Crowd(1, 9)
    async with crowd.place(deadline=5.0) as place:
        crowd.admission.set_capacity(0)
        with pytest.raises(EngineOverloaded) as caught:
            await place.requeue(8.0)
        assert caught.value.retry_after == 8.0
        assert crowd.counts == (0, 0, 0)
    crowd.admission.set_capacity(1)
    async with crowd.place(deadline=0.01) as place:
        crowd.admission.set_capacity(0)
        crowd.clock.now += 0.02
        with pytest.raises(DeadlineExceeded):
            await place.requeue(None)


async def test_one_of_several_answers_goes_back_alone() -> None:
    """The others are being written."""
    crowd = Crowd(3, 9)
    async with crowd.place(need=3) as place:
        crowd.admission.set_capacity(2)
        waits = asyncio.create_task(place.requeue(1.0, sequences=1))
        await crowd.settle()
        assert (crowd.counts, place.taken) == ((2, 1, 0), 2)
        crowd.admission.set_capacity(3)
        await waits
        assert (crowd.counts, place.taken) == ((3, 0, 0), 3)
    assert crowd.counts == (0, 0, 0)
