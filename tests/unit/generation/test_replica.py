"""One replica: when it may be asked, and what it counts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from soban.generation.discovery.source import Found
from soban.generation.engine import Reading
from soban.generation.replica import Replica
from soban.generation.tending import Rounds
from soban.runtime.errors import EngineLost, EngineOverloaded
from unit.generation.fake_replicas import QUICK, Bench, Clock, FakeEngine, FakeHost, until, why_not

ENGINE = Found("http://engine:8000")
WRONG = "LGAI-EXAONE/EXAONE-4.0-1.2B"


@dataclass
class Scene:
    """A replica, what it is made of, and how often it told of a change."""

    replica: Replica
    engine: FakeEngine
    host: FakeHost
    clock: Clock
    changes: int = 0

    def changed(self) -> None:
        self.changes += 1

    def lose(self, times: int = 3) -> None:
        for _ in range(times):
            self.replica.lost()


@contextlib.asynccontextmanager
async def started(
    engine: FakeEngine | None = None, host: FakeHost | None = None, **settings: Any
) -> AsyncIterator[Scene]:
    bench = Bench(**settings)
    bench.prepared[ENGINE.name] = (engine or FakeEngine(), host or FakeHost())
    replica = bench(ENGINE)
    scene = Scene(replica, bench.engines[ENGINE.name], bench.hosts[ENGINE.name], bench.clocks[ENGINE.name])
    replica.on_change(scene.changed)
    await replica.start()
    try:
        yield scene
    finally:
        await replica.stop()
        assert not replica.ready
        assert scene.host.stopped


async def test_a_replica_is_ready_when_it_is_warm() -> None:
    """With the sequences that its engine has, no more than it is to run."""
    async with started() as now:
        assert now.replica.ready
        assert why_not(now.replica) == ""
        assert (now.replica.slots, now.replica.room) == (4, 4)
        assert len(now.engine.asked) == 1
    async with started(FakeEngine(slots=None)) as now:
        assert now.replica.slots == 8
    async with started(FakeEngine(slots=100)) as now:
        assert now.replica.slots == 8


async def test_while_it_warms_up_it_is_loading() -> None:
    """And `start` waits for it only so long."""
    engine = FakeEngine()
    engine.gate.clear()
    async with started(engine, rounds=replace(QUICK, patience=0.01)) as now:
        assert (now.replica.ready, now.replica.loading) == (False, True)
        assert why_not(now.replica) == "replica http://engine:8000 is being warmed up"
        engine.gate.set()
        await until(lambda: now.replica.ready)
        assert not now.replica.loading


async def test_a_first_request_that_hangs_makes_it_unfit() -> None:
    """It is tried again."""
    engine = FakeEngine()
    engine.gate.clear()
    async with started(engine, rounds=replace(QUICK, vet=0.01)) as now:
        assert why_not(now.replica) == "replica http://engine:8000 does not finish its first request"
        assert not now.replica.loading
        engine.gate.set()
        await until(lambda: now.replica.ready)


async def test_an_engine_that_is_away_does_not_hold_up_the_start() -> None:
    """It is vetted when it comes."""
    async with started(host=FakeHost(up=False)) as now:
        assert not now.replica.ready
        assert why_not(now.replica) == "replica http://engine:8000 does not answer"
        now.host.tell(False, loading=True)
        assert now.replica.loading
        assert why_not(now.replica) == "replica http://engine:8000 is starting"
        now.host.tell(True)
        await until(lambda: now.replica.ready)


async def test_the_end_of_its_host_is_heard_at_once() -> None:
    """In the same turn of the loop; so is the loss of its reading. After its return it is vetted again."""
    async with started() as now:
        await until(lambda: now.replica.reading is not None)
        changes = now.changes
        now.host.tell(False)
        assert not now.replica.ready
        assert now.replica.reading is None
        assert now.replica.reading_age is None
        assert now.changes > changes
        now.engine.description = replace(now.engine.description, context_length=4096)
        now.host.tell(True)
        assert not now.replica.ready
        await until(lambda: now.replica.ready)
        assert now.replica.description is not None
        assert now.replica.description.context_length == 4096
        assert len(now.engine.asked) == 2


async def test_an_engine_that_comes_back_with_another_model_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """Until it has the right one; the log has it once."""
    async with started() as now:
        right = now.engine.description
        now.engine.description = replace(right, models=(WRONG,))
        now.host.tell(False)
        now.host.tell(True)
        await until(lambda: WRONG in why_not(now.replica))
        assert not now.replica.ready
        await asyncio.sleep(0.02)
        now.engine.description = right
        await until(lambda: now.replica.ready)
    assert len([record for record in caplog.records if record.getMessage() == "replica refused"]) == 1


async def test_a_model_that_changes_behind_its_address_is_found_by_the_check() -> None:
    """Though its probes never failed."""
    async with started(rounds=replace(QUICK, check=0.0)) as now:
        right = now.engine.description
        now.engine.description = replace(right, models=(WRONG,))
        await until(lambda: not now.replica.ready)
        assert "set models.ko.engineModel" in why_not(now.replica)
        now.engine.description = replace(right, slots=2)
        await until(lambda: now.replica.ready)
        assert now.replica.slots == 2
        now.engine.description = replace(right, slots=3)
        await until(lambda: now.replica.slots == 3)


async def test_a_loss_makes_it_look_at_the_model_again() -> None:
    """An engine may be restarted faster than probes notice."""
    async with started() as now:
        now.engine.description = replace(now.engine.description, models=(WRONG,))
        now.replica.lost()
        await until(lambda: not now.replica.ready)
        assert WRONG in why_not(now.replica)


async def test_what_happens_during_a_vetting_counts_more() -> None:
    """It ended and came back meanwhile: what the old process said is nothing."""
    engine = FakeEngine()
    engine.gate.clear()
    async with started(engine, rounds=replace(QUICK, patience=0.01)) as now:
        now.host.tell(False)
        now.host.tell(True)
        engine.gate.set()
        await until(lambda: now.replica.ready)
        assert len(engine.asked) == 2


async def test_its_load_is_read_and_grows_old() -> None:
    """A reading that gets too old is none; zero is something else than not told."""
    async with started() as now:
        await until(lambda: now.replica.reading is not None)
        assert now.replica.reading == Reading(running=1, waiting=0, kv_cache_use=0.25)
        assert now.replica.reading_age is not None
        assert 0.0 <= now.replica.reading_age < 15.0
    async with started(rounds=replace(QUICK, stale=0.01)) as now:
        await until(lambda: now.replica.reading is not None)
        now.engine.fails = EngineLost("no answer")
        await until(lambda: now.replica.reading is None)
        assert now.replica.ready


async def test_a_fault_of_ours_does_not_end_its_care(caplog: pytest.LogCaptureFixture) -> None:
    """In a reading it costs the reading, in a vetting the replica; both heal."""
    engine = FakeEngine()
    engine.fails = KeyError("a bug")
    async with started(engine) as now:
        assert why_not(now.replica) == "replica http://engine:8000 answers what is not understood"
        engine.fails = None
        await until(lambda: now.replica.reading is not None)
        engine.fails = KeyError("a bug")
        await asyncio.sleep(0.01)
        assert now.replica.ready
    assert [record for record in caplog.records if record.levelno == logging.ERROR]


async def test_a_pause_ends_by_itself() -> None:
    """And tells when it does; the longer of two counts."""
    async with started() as now:
        now.replica.begin(10.0)
        now.replica.pause(0.05)
        now.replica.pause(0.01)
        assert not now.replica.ready
        assert now.replica.room == 1
        assert why_not(now.replica).startswith("replica http://engine:8000 is overloaded and left alone for 0.")
        changes = now.changes
        await until(lambda: now.replica.ready)
        assert now.changes > changes


async def test_an_engine_that_is_overloaded_at_its_first_request_is_paused() -> None:
    """It is warm."""
    engine = FakeEngine()
    engine.refuses = [EngineOverloaded("busy", retry_after=0.05)]
    async with started(engine) as now:
        assert "overloaded" in why_not(now.replica)
        await until(lambda: now.replica.ready)


async def test_losses_open_its_circuit_and_make_its_host_look() -> None:
    """Then one request is let through, beside those that run there still; its first token closes it."""
    async with started() as now:
        now.replica.begin(5.0)
        now.lose()
        assert now.host.doubts == 3
        assert not now.replica.ready
        assert why_not(now.replica) == "replica http://engine:8000 is tried again in 0.5 s, after 3 lost requests"
        now.clock.now = 0.5
        assert now.replica.ready
        assert now.replica.room == 2
        now.replica.begin(5.0)
        assert not now.replica.ready
        assert why_not(now.replica) == "replica http://engine:8000 is being tried again, after 3 lost requests"
        now.replica.progress(1.0)
        assert now.replica.ready
        assert now.replica.room == 4


async def test_the_end_of_a_backoff_is_told() -> None:
    """Nobody has to ask for it."""
    async with started() as now:
        now.replica.lost(refused=True)
        assert not now.replica.ready
        changes = now.changes
        now.clock.now = 0.5 - 0.002
        await until(lambda: now.changes > changes)


async def test_another_process_starts_with_a_clean_slate() -> None:
    """What killed the last one says nothing of it."""
    async with started() as now:
        now.lose()
        now.host.tell(False)
        now.host.tell(True)
        await until(lambda: now.replica.ready)
        assert now.replica.room == 4


async def test_work_shrinks_with_progress() -> None:
    """It is never below zero, and with nothing running it is zero."""
    async with started() as now:
        replica = now.replica
        replica.begin(100.0)
        replica.begin(0.3)
        replica.progress(60.0)
        assert (replica.running, replica.work) == (2, pytest.approx(40.3))
        replica.end(40.0)
        assert replica.work == pytest.approx(0.3)
        replica.end(0.1)
        assert (replica.running, replica.work) == (0, 0.0)
        replica.progress(5.0)
        assert replica.work == 0.0


async def test_beginnings_and_ends_of_a_sound_replica_are_not_told() -> None:
    """They are many."""
    async with started() as now:
        changes = now.changes
        for _ in range(100):
            now.replica.begin(1.0)
            now.replica.progress(1.0)
            now.replica.answered()
            now.replica.end(0.0)
        assert now.changes == changes


async def test_adapters_are_known_after_the_vetting() -> None:
    """Loaded by then."""
    async with started(adapters={"law": "/adapters/law"}) as now:
        assert now.replica.adapters == {"law"}
        assert now.engine.loaded == [("law", "/adapters/law")]


def test_rounds_are_as_documented() -> None:
    """docs/discovery.md has these numbers."""
    rounds = Rounds()
    assert (rounds.load_busy, rounds.load_idle, rounds.stale, rounds.check) == (2.0, 5.0, 15.0, 60.0)
