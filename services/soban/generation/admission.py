"""Who may go to the engines of one model, and in what order the others wait. One per model; no I/O.

Classes are strict: HIGH before NORMAL before LOW, and LOW is served when nothing else waits, however long that takes.
Tenants of a class share by tokens of work (`fair_queue`). docs/admission.md tells it to users.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import soban.v1 as pb
from soban.generation.drain import DrainRate, retry_after
from soban.generation.fair_queue import FairQueue
from soban.generation.holding import Holding
from soban.generation.place import Claim, Place, Turn
from soban.runtime.errors import DeadlineExceeded, EngineOverloaded, NoReplica, QueueFull, SobanError

__all__ = ["Admission", "Claim", "Place"]

_LEVELS = {pb.PRIORITY_HIGH: 0, pb.PRIORITY_NORMAL: 1, pb.PRIORITY_LOW: 2}
_NORMAL = 1
_EVER = float("inf")


class Admission:
    """At most `capacity` sequences run at once, at most `queue_limit` requests wait, while there is no capacity for at
    most `hold_seconds` each.

    A request that needs several sequences gets them together, and nobody behind it of its class or a lower one goes
    before it. `why_not` tells clients why no replica is ready. `chance` (0 to 1) spreads times to come again.
    """

    def __init__(
        self,
        queue_limit: int,
        hold_seconds: float,
        why_not: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._queue_limit = queue_limit
        self._hold_seconds = hold_seconds
        self._why_not = why_not
        self._clock = clock
        self._chance = chance
        self._capacity = 0
        self._running = 0
        self._queue: FairQueue[Turn] = FairQueue(len(_LEVELS))
        self._drain = DrainRate()
        self._holding = Holding(hold_seconds, clock, self._run_out)

    @property
    def capacity(self) -> int:
        """Sequences that may run at once."""
        return self._capacity

    @property
    def running(self) -> int:
        """Sequences at the engines; more than `capacity` for a while after that has shrunk."""
        return self._running

    @property
    def queued(self) -> int:
        """Requests that wait while a replica is ready."""
        return len(self._queue) if self._capacity else 0

    @property
    def held(self) -> int:
        """Requests that wait because no replica is ready."""
        return 0 if self._capacity else len(self._queue)

    def set_capacity(self, sequences: int) -> None:
        """How many sequences all ready replicas take; 0 while none is ready. Call it on the event loop."""
        had, self._capacity = self._capacity, sequences
        if had and not sequences:
            self._holding.begin()
        elif sequences and not had:
            self._holding.end()
        self._admit()

    def place(self, claim: Claim) -> Place:
        """To be entered with `async with`, once.

        Entering raises QueueFull when the queue is full or does not get there before the deadline, DeadlineExceeded
        when that passed, and NoReplica when no replica got ready. Who is cancelled while waiting leaves the queue.
        """
        return Place(self, claim)

    async def enter(self, place: Place) -> None:
        """`async with` of a place."""
        claim = place.claim
        level = _LEVELS.get(claim.priority, _NORMAL)
        if self._capacity and not self._queue.anyone_before(level) and self._fits(claim.need):
            self._take(place, self._allotted(claim.need))
            return
        turn = self._turn(claim, claim.need)
        self._make_room(turn)
        self._queue.push(turn)
        self._admit()
        await self._wait(place, turn)

    async def enter_again(self, place: Place, retry_after: float | None, sequences: int | None) -> None:
        """`requeue` of a place."""
        claim = place.claim
        back = place.taken if sequences is None else min(sequences, place.taken)
        turn = self._turn(claim, max(1, back))
        self._give_back(place, back)
        if not self._capacity and retry_after is not None and self._left(turn) < retry_after:
            self._admit()
            raise EngineOverloaded(
                "the engines of this model are overloaded past the deadline", retry_after=retry_after
            )
        self._queue.put_back(turn)
        self._admit()
        await self._wait(place, turn)

    def leave(self, place: Place) -> None:
        """The end of the `async with`, however it came."""
        if place.completed and place.taken:
            self._drain.learn(place.claim.work, place.taken, self._clock() - place.began)
        self._give_back(place, place.taken)
        self._admit()

    def _turn(self, claim: Claim, need: int) -> Turn:
        """For all of the claim, or its part for so many of the sequences."""
        work = max(claim.work, claim.need) * need / claim.need
        level = _LEVELS.get(claim.priority, _NORMAL)
        admitted = asyncio.get_running_loop().create_future()
        return Turn(level, claim.tenant, work, need, claim.deadline, self._clock(), admitted)

    async def _wait(self, place: Place, turn: Turn) -> None:
        """Until it is admitted. No place is lost wherever it is cancelled."""
        if turn.deadline is not None and turn.queued:
            self._watch(turn)
        self._holding.add(turn)
        try:
            await turn.admitted
        except asyncio.CancelledError:
            self._withdraw(turn)
            raise
        finally:
            self._holding.drop(turn)
            if turn.timer is not None:
                turn.timer.cancel()
        if turn.refused is not None:
            raise turn.refused
        place.taken += turn.taken
        place.began = self._clock()

    def _withdraw(self, turn: Turn) -> None:
        """Out of the queue; or, when it was admitted in the same moment, its sequences go to the next."""
        self._running -= turn.taken
        if turn.queued:
            self._remove(turn)
        self._admit()

    def _make_room(self, turn: Turn) -> None:
        """Raises if this newcomer must not wait; makes another one leave if that has to give up its place."""
        if self._left(turn) <= 0:
            raise DeadlineExceeded("the deadline has passed")
        if not self._capacity and not (self._hold_seconds and self._queue_limit):
            raise self._no_replica()
        wait = self._drain.wait(self._queue.work_before(turn), turn.need, self._capacity)
        spare = self._spare(turn, wait or 0.0)
        if spare < 0:
            text = "the queue of this model is longer than the deadline allows"
            raise self._queue_full(text, "deadline", min(wait or 0.0, -spare))
        if len(self._queue) < self._queue_limit:
            return
        loser = self._queue.expendable(turn)
        if loser is None:
            raise self._queue_full("all places in the queue of this model are taken", "full", wait)
        text = "a request of a higher priority or of a tenant with fewer requests needed the place in the queue"
        self._refuse(loser, self._queue_full(text, "displaced", wait))

    def _spare(self, turn: Turn, wait: float = 0.0) -> float:
        """Seconds left before its deadline after that wait and its answer, at the measured speed; < 0: too late."""
        left = self._left(turn)
        return left if left == _EVER else left - (self._drain.enough(wait, turn.work, turn.need) or 0.0)

    def _admit(self) -> None:
        """Everybody in front for whom there are sequences."""
        while self._running < self._capacity and (turn := self._queue.head()) is not None:
            if not self._fits(turn.need):
                self._queue.pin(turn)
                return
            if self._spare(turn) < 0:
                self._refuse(turn, self._too_late())
            else:
                self._grant(turn)

    def _grant(self, turn: Turn) -> None:
        self._queue.take(turn)
        turn.queued = False
        turn.taken = self._allotted(turn.need)
        self._running += turn.taken
        _wake(turn)

    def _left(self, turn: Turn) -> float:
        return _EVER if turn.deadline is None else turn.deadline - self._clock()

    def _allotted(self, need: int) -> int:
        """Who needs more sequences than there are gets all of them, rather than wait for replicas that may not come."""
        return min(need, self._capacity)

    def _fits(self, need: int) -> bool:
        return self._running + self._allotted(need) <= self._capacity

    def _take(self, place: Place, sequences: int) -> None:
        self._running += sequences
        place.taken, place.began = sequences, self._clock()

    def _give_back(self, place: Place, sequences: int) -> None:
        self._running -= sequences
        place.taken -= sequences

    def _watch(self, turn: Turn) -> None:
        """Wakes when its turn must have come at the latest."""
        turn.timer = turn.admitted.get_loop().call_later(max(0.0, self._spare(turn)), self._expire, turn)

    def _expire(self, turn: Turn) -> None:
        if not turn.queued:
            return
        if self._left(turn) > 0 and self._spare(turn) > 0:
            self._watch(turn)
            return
        self._refuse(turn, self._too_late() if self._left(turn) > 0 else self._expired())
        self._admit()

    def _run_out(self, turn: Turn) -> None:
        if turn.queued:
            self._refuse(turn, self._no_replica())

    def _refuse(self, turn: Turn, err: SobanError) -> None:
        self._remove(turn)
        turn.refused = err
        _wake(turn)

    def _remove(self, turn: Turn) -> None:
        self._queue.remove(turn)
        turn.queued = False

    def _too_late(self) -> SobanError:
        if not self._capacity:
            return self._no_replica()
        return self._queue_full("the queue of this model moved too slowly for the deadline", "late", 0.0)

    def _expired(self) -> DeadlineExceeded:
        why = "" if self._capacity else f": {self._why_not()}"
        return DeadlineExceeded(f"the deadline passed while the request waited for an engine{why}")

    def _queue_full(self, text: str, cause: str, wait: float | None) -> QueueFull:
        """`wait` is when it would be worth while to come again; without replicas that is when one is expected."""
        seconds = wait if self._capacity else self._holding.expected()
        return QueueFull(text, retry_after=retry_after(seconds, self._chance()), metadata={"cause": cause})

    def _no_replica(self) -> NoReplica:
        seconds = self._holding.expected()
        return NoReplica(self._why_not(), retry_after=retry_after(seconds, self._chance()))


def _wake(turn: Turn) -> None:
    """One that was cancelled in the same moment withdraws by itself."""
    if not turn.admitted.done():
        turn.admitted.set_result(None)
