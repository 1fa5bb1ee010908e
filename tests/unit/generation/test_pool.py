"""The replicas of a model, as they come, fail and go."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soban.generation.discovery.source import Found
from soban.generation.discovery.static import Static
from soban.generation.pool import Pool
from soban.runtime.config import ConfigError
from unit.generation.fake_replicas import MODEL, QUICK, Bench, FakeEngine, FakeHost, until

ONE, TWO, THREE, FOUR = (Found(f"http://engine-{number}:8000") for number in (1, 2, 3, 4))
WRONG = "LGAI-EXAONE/EXAONE-4.0-1.2B"


class Told:
    """A source that is told what to find."""

    def __init__(self, *found: Found) -> None:
        self.why_not = ""
        self._sets: asyncio.Queue[frozenset[Found] | Exception] = asyncio.Queue()
        self.tell(*found)

    def tell(self, *found: Found) -> None:
        self._sets.put_nowait(frozenset(found))

    def fail(self, error: Exception) -> None:
        self._sets.put_nowait(error)

    async def watch(self) -> AsyncGenerator[frozenset[Found], None]:
        while True:
            found = await self._sets.get()
            if isinstance(found, Exception):
                raise found
            yield found


class Scene:
    """A running pool; `seen` is what its listener saw last."""

    def __init__(self, pool: Pool, bench: Bench, source: Told) -> None:
        self.pool, self.bench, self.source = pool, bench, source
        self.seen = self.now
        self.changes = 0
        pool.on_change(self._changed)

    @property
    def now(self) -> tuple[frozenset[str], int, int, int]:
        ready = frozenset(replica.id for replica in self.pool.ready())
        return ready, self.pool.capacity, self.pool.loading, len(self.pool.replicas)

    @property
    def ready(self) -> list[str]:
        return sorted(replica.id for replica in self.pool.ready())

    def replica(self, found: Found) -> Any:
        return next(replica for replica in self.pool.replicas if replica.id == found.name)

    def _changed(self) -> None:
        self.seen = self.now
        self.changes += 1


@contextlib.asynccontextmanager
async def started(*found: Found, **given_: Any) -> AsyncIterator[Scene]:
    bench, source = Bench(**given_), Told(*found)
    pool = Pool("ko", source, bench)
    scene = Scene(pool, bench, source)
    await pool.start()
    try:
        yield scene
    finally:
        await pool.stop()
        assert pool.replicas == ()
        assert all(host.stopped for host in bench.hosts.values())


async def test_the_start_waits_until_replicas_are_ready() -> None:
    """Those that are known; what they can do together is the capacity."""
    async with started(ONE, TWO) as now:
        assert now.ready == [ONE.name, TWO.name]
        assert (now.pool.capacity, now.pool.loading, now.pool.why_not) == (8, 0, "")
        assert now.seen == now.now


async def test_replicas_come_and_go() -> None:
    """Each change is told."""
    async with started(ONE) as now:
        now.source.tell(ONE, TWO)
        await until(lambda: now.ready == [ONE.name, TWO.name])
        assert now.seen == now.now
        now.source.tell(TWO)
        await until(lambda: now.ready == [TWO.name])
        assert now.seen == now.now
        await until(lambda: now.bench.hosts[ONE.name].stopped)


async def test_a_replica_that_leaves_keeps_its_streams() -> None:
    """They count as long as they run, so that they are not in the way of others' sequences."""
    async with started(ONE, TWO) as now:
        leaving = now.replica(ONE)
        leaving.begin(10.0)
        leaving.begin(10.0)
        now.source.tell(TWO)
        await until(lambda: now.ready == [TWO.name])
        assert now.pool.capacity == 4 + 2
        leaving.end(0.0)
        assert now.pool.capacity == 4 + 1
        leaving.end(0.0)
        assert now.pool.capacity == 4
        assert now.seen == now.now


async def test_a_reserve_is_no_capacity_while_others_are_ready() -> None:
    """It gets no requests then; streams that it has from other times count as long as they run."""
    spare = replace(TWO, group=1, weight=0.0)
    async with started(ONE, spare) as now:
        assert (now.pool.capacity, now.pool.slots, len(now.ready)) == (4, 4, 2)
        now.bench.hosts[ONE.name].tell(False)
        assert (now.pool.capacity, now.pool.slots) == (4, 4)
        now.replica(spare).begin(10.0)
        now.replica(spare).begin(10.0)
        now.bench.hosts[ONE.name].tell(True)
        await until(lambda: len(now.ready) == 2)
        assert (now.pool.capacity, now.pool.slots) == (4 + 2, 4)
        now.replica(spare).end(0.0)
        assert now.seen == now.now
        now.replica(spare).end(0.0)
        assert now.pool.capacity == 4
        assert now.seen == now.now


async def test_an_address_that_comes_back_is_a_new_replica() -> None:
    """While the old one still has streams."""
    async with started(ONE) as now:
        old = now.replica(ONE)
        old.begin(1.0)
        now.source.tell()
        now.source.tell(ONE)
        await until(lambda: now.ready == [ONE.name] and now.replica(ONE) is not old)
        assert now.pool.capacity == 4 + 1
        old.end(0.0)
        assert now.pool.capacity == 4


async def test_without_a_ready_replica_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    """Of three at most, with addresses; clients read a word."""
    async with started(ONE, TWO, THREE, FOUR) as now:
        now.bench.hosts[ONE.name].tell(False)
        now.replica(TWO).pause(100.0)
        now.replica(THREE).lost(refused=True)
        assert now.pool.capacity == 4
        now.bench.hosts[FOUR.name].tell(False)
        assert now.pool.capacity == 0
        assert now.seen == now.now
        [why] = whys(caplog)
        assert why.startswith("replica http://engine-1:8000 does not answer; replica ")
        assert "engine-2:8000 is overloaded" in why
        assert "engine-3:8000 is tried again in 0.5 s" in why
        assert why.endswith(" and 1 more")
        assert now.pool.why_not == "no replica of ko is ready (overloaded)"


async def test_without_any_replica_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    """Such as a role that is missing."""
    async with started() as now:
        assert now.pool.why_not == "no replica of ko is ready (away)"
        now.source.tell(ONE)
        await until(lambda: now.pool.why_not == "")
        now.source.why_not = "the Kubernetes API refuses"
        now.source.tell()
        await until(lambda: now.pool.why_not == "no replica of ko is ready (away)")
    assert [why for why in whys(caplog) if "replica" not in why] == ["none is known", "the Kubernetes API refuses"]


async def test_why_no_replica_is_ready_is_logged_once_for_each_change(caplog: pytest.LogCaptureFixture) -> None:
    """And not that a pool which stops has none."""
    async with started(ONE) as now:
        host, engine = now.bench.hosts[ONE.name], now.bench.engines[ONE.name]
        for _ in range(3):
            host.tell(False)
        assert now.pool.why_not == "no replica of ko is ready (away)"
        host.tell(False, loading=True)
        assert now.pool.why_not == "no replica of ko is ready (starting)"
        engine.description = replace(engine.description, models=(WRONG,))
        host.tell(True)
        await until(lambda: now.pool.why_not == "no replica of ko is ready (failing)")
        engine.description = replace(engine.description, models=(MODEL,))
        await until(lambda: now.pool.why_not == "")
    assert whys(caplog) == [
        "replica http://engine-1:8000 does not answer",
        "replica http://engine-1:8000 is starting",
        f"replica http://engine-1:8000 serves '{WRONG}', not '{MODEL}'; set models.ko.engineModel",
    ]


def whys(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [vars(record)["why"] for record in caplog.records if record.getMessage() == "no replica is ready"]


async def test_a_wrong_model_is_never_ready() -> None:
    """Beside a right one."""
    bench = Bench()
    bench.prepared[TWO.name] = (FakeEngine(WRONG), FakeHost())
    pool = Pool("ko", Told(ONE, TWO), bench)
    await pool.start()
    assert [replica.id for replica in pool.ready()] == [ONE.name]
    await pool.stop()


async def test_the_model_is_described_by_a_ready_replica() -> None:
    """Or by one that was; by nobody before."""
    async with started() as now:
        assert now.pool.description is None
        now.source.tell(ONE, TWO)
        await until(lambda: len(now.ready) == 2)
        engine = now.bench.engines[TWO.name]
        engine.description = replace(engine.description, context_length=4096)
        now.bench.hosts[TWO.name].tell(False)
        now.bench.hosts[TWO.name].tell(True)
        await until(lambda: len(now.ready) == 2)
        now.bench.hosts[ONE.name].tell(False)
        assert now.pool.description is not None
        assert now.pool.description.context_length == 4096
        now.bench.hosts[TWO.name].tell(False)
        assert now.pool.description is not None


async def test_an_engine_of_our_own_that_cannot_start_ends_the_start() -> None:
    """Nothing is left of the others."""
    bench = Bench()
    bench.prepared[TWO.name] = (FakeEngine(), FakeHost(error=ConfigError("models.ko.url", "no such file")))
    pool = Pool("ko", Static([ONE, TWO]), bench)
    with pytest.raises(ConfigError, match="no such file"):
        await pool.start()
    assert pool.replicas == ()
    assert bench.hosts[ONE.name].stopped


async def test_a_replica_that_leaves_while_it_starts_does_not_end_the_start() -> None:
    """It was found, and is gone again."""
    bench, source = Bench(rounds=replace(QUICK, patience=1000.0)), Told(ONE, TWO)
    engine = FakeEngine()
    engine.gate.clear()
    bench.prepared[TWO.name] = (engine, FakeHost())
    pool = Pool("ko", source, bench)
    source.tell(ONE)
    await asyncio.wait_for(pool.start(), 10)
    assert [replica.id for replica in pool.replicas] == [ONE.name]
    await pool.stop()


async def test_a_start_that_is_cancelled_leaves_nothing() -> None:
    """As Ctrl-C does."""
    bench = Bench(rounds=replace(QUICK, patience=1000.0))
    engine = FakeEngine()
    engine.gate.clear()
    bench.prepared[ONE.name] = (engine, FakeHost())
    pool = Pool("ko", Told(ONE), bench)
    start = asyncio.create_task(pool.start())
    await until(lambda: bool(engine.asked))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert bench.hosts[ONE.name].stopped


async def test_a_source_that_breaks_is_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it told stands meanwhile."""
    monkeypatch.setattr("soban.generation.pool._RETRY_SECONDS", 0.001)
    async with started(ONE) as now:
        now.source.fail(KeyError("a bug"))
        await until(lambda: "discovery failed" in caplog.text)
        assert now.ready == [ONE.name]
        now.source.tell(TWO)
        await until(lambda: now.ready == [TWO.name])


async def test_a_thousand_changes_leave_nothing_behind() -> None:
    """No task, no timer, no replica."""
    async with started(ONE) as now:
        kept = weakref.WeakSet(now.pool.replicas)
        for turn in range(1000):
            new = Found(f"http://engine-{turn}:1")
            now.source.tell(ONE, new)
            await until(lambda new=new: new.name in now.ready)  # type: ignore[misc]
            replica = now.replica(new)
            kept.add(replica)
            replica.begin(1.0)
            replica.pause(100.0)
            replica.lost(refused=True)
            now.source.tell(ONE)
            await until(lambda: len(now.pool.replicas) == 1)
            replica.end(0.0)
            del replica, now.bench.engines[new.name], now.bench.hosts[new.name], now.bench.clocks[new.name]
        await until(lambda: len(asyncio.all_tasks()) <= 3)
        gc.collect()
        assert len(kept) == 1
        assert len(now.pool._leaving) == len(now.pool._tasks) == 0
        assert len(now.pool._starts) == 1


FOUNDS = (ONE, TWO, THREE)
HAPPENINGS = (
    *("join", "leave", "up", "down", "comes back wrong", "comes back right"),
    *("three losses", "refused", "overloaded", "begin", "end", "progress", "time passes", "settle"),
)
EVENTS = st.tuples(st.sampled_from(HAPPENINGS), st.sampled_from(FOUNDS))


class Truth:
    """What has happened to one replica, by the test's own book.

    Losses and pauses count until its next vetting is passed: that is the newer proof. Late ones, of the streams of a
    process that has ended, may come while the next process is being vetted.
    """

    def __init__(self) -> None:
        self.up, self.wrong, self.paused, self.open = True, False, False, False
        self.running = 0

    @property
    def may_be_ready(self) -> bool:
        return self.up and not (self.wrong or self.paused or self.open)


class Story:
    """Plays events on a pool and keeps the book."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.members = {*FOUNDS}
        self.truths = {found: Truth() for found in FOUNDS}

    async def play(self, event: str, found: Found) -> None:
        if event == "settle":
            await asyncio.sleep(0.003)
        elif event in ("join", "leave"):
            await self._member(found, there=event == "join")
        elif found in self.members:
            getattr(self, f"_{event.replace(' ', '_')}")(found, self.truths[found], self.scene.replica(found))

    async def _member(self, found: Found, *, there: bool) -> None:
        if there == (found in self.members):
            return
        self.members ^= {found}
        self.truths[found] = Truth()
        self.scene.source.tell(*self.members)
        await until(lambda: {item.name for item in self.members} == {item.id for item in self.scene.pool.replicas})
        await asyncio.sleep(0.003)

    def _up(self, found: Found, truth: Truth, replica: Any) -> None:
        if not truth.up:
            truth.up, truth.paused, truth.open = True, False, False
            self.scene.bench.hosts[found.name].tell(True)

    def _down(self, found: Found, truth: Truth, replica: Any) -> None:
        truth.up = False
        self.scene.bench.hosts[found.name].tell(False)

    def _comes_back_wrong(self, found: Found, truth: Truth, replica: Any, model: str = WRONG) -> None:
        self._down(found, truth, replica)
        engine = self.scene.bench.engines[found.name]
        engine.description = replace(engine.description, models=(model,))
        truth.wrong = model == WRONG
        self._up(found, truth, replica)

    def _comes_back_right(self, found: Found, truth: Truth, replica: Any) -> None:
        self._comes_back_wrong(found, truth, replica, MODEL)

    def _three_losses(self, found: Found, truth: Truth, replica: Any) -> None:
        for _ in range(3):
            replica.lost()
        truth.open |= not replica.loading

    def _refused(self, found: Found, truth: Truth, replica: Any) -> None:
        replica.lost(refused=True)
        truth.open |= not replica.loading

    def _overloaded(self, found: Found, truth: Truth, replica: Any) -> None:
        replica.pause(1000.0)
        truth.paused |= not replica.loading

    def _begin(self, found: Found, truth: Truth, replica: Any) -> None:
        replica.begin(10.0)

    def _end(self, found: Found, truth: Truth, replica: Any) -> None:
        if replica.running:
            replica.end(1.0)

    def _progress(self, found: Found, truth: Truth, replica: Any) -> None:
        replica.progress(1.0)

    def _time_passes(self, found: Found, truth: Truth, replica: Any) -> None:
        """The back-off ends, and so its timer is up."""
        self.scene.bench.clocks[found.name].now += 31.0
        truth.open = False
        replica._changed()

    def check(self) -> None:
        pool = self.scene.pool
        ready = {replica.id for replica in pool.ready()}
        assert ready <= {found.name for found in self.members if self.truths[found].may_be_ready}
        assert (pool.capacity == 0) == (not ready) == bool(pool.why_not)
        assert not ready or pool.capacity >= sum(replica.running for replica in pool.replicas)
        assert all((replica.obstacle is None) == replica.ready for replica in pool.replicas)
        assert self.scene.seen == self.scene.now


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_no_replica_is_ready_that_should_not_be(events: list[tuple[str, Found]]) -> None:
    """Down, wrong, paused or with an open circuit; and everything that changes is told. Afterwards all comes right."""

    async def tell() -> None:
        async with started(*FOUNDS) as scene:
            story = Story(scene)
            for event, found in events:
                await story.play(event, found)
                story.check()
            for found in list(story.members):
                await story.play("comes back right", found)
            await until(lambda: scene.ready == sorted(found.name for found in story.members))

    asyncio.run(tell())
