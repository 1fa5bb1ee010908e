"""Which job goes where."""

from __future__ import annotations

import asyncio

import pytest

from soban.runtime.errors import Cancelled, EngineLost, Internal, QueueFull
from soban.tokenization.analysis import scheduler
from soban.tokenization.analysis.cost import SHORT, WHOLE
from soban.tokenization.analysis.job import Job, Outcome
from soban.tokenization.analysis.scheduler import Scheduler, Seat

LONG = SHORT + 1


class Link:
    """Remembers what it sent."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)

    @property
    def names(self) -> str:
        """The jobs, each named by one letter."""
        return "".join(chr(frame[-1]) for frame in self.frames)


class Room:
    """A scheduler with workers."""

    def __init__(self, workers: int) -> None:
        self.scheduler = Scheduler()
        self.links: list[Link] = []
        self.seats: list[Seat] = []
        for _ in range(workers):
            self.join()

    def join(self) -> None:
        self.links.append(Link())
        self.seats.append(self.scheduler.joined(self.links[-1]))

    def submit(self, name: str, cost: int, caller: object = "someone") -> asyncio.Future[bytes]:
        return self.scheduler.submit(caller, Job(name.encode()), cost)

    def answer(self, worker: int, answer: bytes = b"done", outcome: Outcome = Outcome.DONE) -> None:
        self.scheduler.answered(self.seats[worker], outcome, answer)

    @property
    def sent(self) -> list[str]:
        return [link.names for link in self.links]


async def test_an_answer_reaches_who_waits_for_it() -> None:
    """Workers answer in the order of their jobs."""
    room = Room(1)
    first, second = room.submit("a", 1), room.submit("b", 1)
    room.answer(0, b"A")
    room.answer(0, b"B")
    assert (await first, await second) == (b"A", b"B")


async def test_short_jobs_spread_and_are_sent_ahead() -> None:
    """To whoever has least to do, up to a bound."""
    room = Room(2)
    for name in "abcdefgh":
        room.submit(name, SHORT // 2)
    assert room.sent == ["aceg"[:2], "bdfh"[:2]]
    room.answer(0)
    assert room.sent == ["ace", "bd"]


async def test_one_worker_is_always_free_of_long_jobs() -> None:
    """However many there are."""
    room = Room(3)
    for name in "LMNO":
        room.submit(name, LONG)
    assert sorted(room.sent) == ["", "LN", "MO"]
    room.submit("s", 1)
    assert "s" in room.sent


async def test_long_jobs_are_sent_ahead_once_all_that_may_are_busy() -> None:
    """One each, so that a worker never waits for its next slice."""
    room = Room(3)
    for name in "LMNOPQ":
        room.submit(name, LONG)
    assert sorted(room.sent) == ["", "LN", "MO"]
    room.answer(room.sent.index("LN"))
    assert sorted(room.sent) == ["", "LNP", "MO"]


async def test_nothing_is_sent_ahead_behind_a_dear_job() -> None:
    """It may be taken back meanwhile."""
    room = Room(2)
    room.submit("D", WHOLE + 1)
    room.submit("L", LONG).cancel()
    assert sorted(room.sent) == ["", "D"]


async def test_long_jobs_get_their_turn_under_a_flood_of_short_ones() -> None:
    """A worker takes no more short jobs until a long one that waits has it."""
    room = Room(2)
    for name in "abcd":
        room.submit(name, SHORT // 2)
    room.submit("L", LONG)
    for name in "efgh":
        room.submit(name, SHORT // 2)
    room.answer(0)
    room.answer(0)
    assert room.sent[0] == "acL"
    room.answer(1)
    assert room.sent[1].endswith("e")


async def test_a_long_job_has_no_short_one_behind_it() -> None:
    """It goes to others, or waits."""
    room = Room(2)
    room.submit("L", LONG)
    for name in "ab":
        room.submit(name, 1)
    assert sorted(room.sent) == ["L", "ab"]


async def test_the_only_worker_does_both() -> None:
    """Short jobs first."""
    room = Room(1)
    room.submit("L", LONG)
    room.submit("s", 1)
    assert room.sent == ["L"]
    room.submit("M", LONG)
    room.answer(0)
    assert room.sent == ["Ls"]
    room.answer(0)
    assert room.sent == ["LsM"]


async def test_callers_take_turns() -> None:
    """A batch does not hold up a single text."""
    room = Room(1)
    for name in "abcdef":
        room.submit(name, SHORT, caller="batch")
    room.submit("s", SHORT, caller="single")
    room.answer(0)
    room.answer(0)
    assert room.sent == ["abs"]


async def test_a_cancelled_job_is_not_sent() -> None:
    """And an answer to one that was sent is dropped."""
    room = Room(1)
    running = room.submit("a", SHORT)
    room.submit("b", SHORT).cancel()
    room.submit("c", SHORT)
    running.cancel()
    room.answer(0)
    assert room.sent == ["ac"]


async def test_withdrawn_jobs_are_not_sent() -> None:
    """Short or long."""
    room = Room(1)
    room.submit("a", SHORT)
    for name, cost in (("b", 1), ("L", LONG)):
        room.submit(name, cost, caller="leaver")
    room.scheduler.withdraw("leaver")
    room.answer(0)
    assert room.sent == ["a"]


async def test_jobs_wait_for_a_worker() -> None:
    """When there is none just now."""
    room = Room(0)
    waiting = room.submit("a", 1)
    room.join()
    room.answer(0, b"A")
    assert await waiting == b"A"


async def test_the_jobs_of_a_worker_that_dies_go_to_others() -> None:
    """In their order, before what waits."""
    room = Room(1)
    answers = [room.submit("a", 1), room.submit("b", 1)]
    room.submit("c", SHORT)
    room.submit("d", 1)
    room.scheduler.left(room.seats[0])
    room.join()
    assert room.sent == ["abc", "abc"]
    room.answer(1, b"A")
    room.answer(1, b"B")
    assert await asyncio.gather(*answers) == [b"A", b"B"]


async def test_a_job_that_kills_two_workers_fails() -> None:
    """What it had not begun does not."""
    room = Room(1)
    deadly, harmless = room.submit("a", 1), room.submit("b", 1)
    room.scheduler.left(room.seats[0])
    room.join()
    room.scheduler.left(room.seats[1])
    with pytest.raises(EngineLost):
        await deadly
    room.join()
    room.answer(2, b"B")
    assert await harmless == b"B"


async def test_a_failed_job_is_our_bug() -> None:
    """The worker lives on."""
    room = Room(1)
    failed, next_one = room.submit("a", 1), room.submit("b", 1)
    room.answer(0, b"", Outcome.FAILED)
    room.answer(0, b"B")
    with pytest.raises(Internal):
        await failed
    assert await next_one == b"B"


async def test_too_many_jobs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a time to come again; what waits already is done."""
    monkeypatch.setattr(scheduler, "_MOST_WAITING", 2)
    room = Room(0)
    waiting = [room.submit("a", 1), room.submit("L", LONG)]
    with pytest.raises(QueueFull) as caught:
        await room.submit("b", 1)
    assert caught.value.retry_after
    room.join()
    assert room.sent == ["a"]
    room.answer(0)
    room.answer(0)
    assert await asyncio.gather(*waiting) == [b"done", b"done"]


async def test_closing_fails_what_waits() -> None:
    """Nobody waits for ever."""
    room = Room(0)
    waiting = [room.submit("a", 1), room.submit("L", LONG)]
    room.scheduler.close()
    for future in waiting:
        with pytest.raises(Cancelled):
            await future
