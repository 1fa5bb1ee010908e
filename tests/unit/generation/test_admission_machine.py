"""Admission under any order of arrivals, ends, cancellations, returns and changes of capacity."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from soban.runtime.errors import QueueFull
from unit.generation.crowd import HIGH, LOW, NORMAL, Crowd

_ORDER = (HIGH, NORMAL, LOW)
_QUEUE_LIMIT = 6


@dataclass
class Guest:
    name: str
    level: int
    tenant: str
    need: int
    returned: bool = False


class Admissions(RuleBasedStateMachine):
    """After each step the loop runs until nothing moves."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.crowd = Crowd(2, _QUEUE_LIMIT)
        self.capacity = 2
        self.most = 2
        self.waiting: list[Guest] = []
        self.inside: list[Guest] = []
        self.count = 0

    @rule(
        need=st.sampled_from((1, 1, 1, 2, 3)),
        level=st.integers(0, 2),
        tenant=st.sampled_from(("가", "나", "다")),
        work=st.integers(1, 100),
    )
    def arrive(self, need: int, level: int, tenant: str, work: int) -> None:
        self.count += 1
        guest = Guest(f"손님{self.count}", level, tenant, need)
        self.waiting.append(guest)
        self._run(self.crowd.come(guest.name, need=need, priority=_ORDER[level], tenant=tenant, work=work))

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        guest = data.draw(st.sampled_from(self.inside))
        self.inside.remove(guest)
        self._run(self.crowd.leave(guest.name))

    @precondition(lambda self: self.inside or self.waiting)
    @rule(data=st.data(), with_place=st.booleans())
    def cancel(self, data: st.DataObject, with_place: bool) -> None:
        """At times in the same turn of the loop in which somebody makes a place free."""
        guest = data.draw(st.sampled_from([*self.inside, *self.waiting]))
        leaver = self.inside[0] if with_place and self.inside and self.inside[0] is not guest else None
        if leaver is not None:
            self.inside.remove(leaver)
            self.crowd._leave[leaver.name].set()
        (self.inside if guest in self.inside else self.waiting).remove(guest)
        self._task(guest).cancel()
        self.crowd.tasks[guest.name].cancel()
        self._run(self.crowd.settle())

    @rule(sequences=st.integers(0, 5))
    def change_capacity(self, sequences: int) -> None:
        self.capacity = sequences
        self.most = max(sequences, self.crowd.admission.running)
        self._run(self.crowd.resize(sequences))

    @precondition(lambda self: any(not guest.returned for guest in self.inside))
    @rule(data=st.data())
    def send_back(self, data: st.DataObject) -> None:
        guest = data.draw(st.sampled_from([guest for guest in self.inside if not guest.returned]))
        self.inside.remove(guest)
        guest.returned = True
        self.waiting.append(guest)
        self._run(self.crowd.return_(guest.name))

    @invariant()
    def what_runs_is_what_is_inside(self) -> None:
        admission = self.crowd.admission
        taken = sum(self.crowd.places[guest.name].taken for guest in self.inside)
        assert admission.running == taken <= self.most
        self.most = max(self.capacity, taken)

    @invariant()
    def nobody_is_lost(self) -> None:
        admission = self.crowd.admission
        assert (admission.queued, admission.held)[self.capacity == 0] == len(self.waiting)
        assert (admission.queued, admission.held)[self.capacity > 0] == 0
        assert sum(not guest.returned for guest in self.waiting) <= _QUEUE_LIMIT

    @invariant()
    def nobody_waits_while_a_place_is_free(self) -> None:
        if self.capacity and self.waiting:
            level = min(guest.level for guest in self.waiting)
            needs = [min(guest.need, self.capacity) for guest in self.waiting if guest.level == level]
            assert self.crowd.admission.running + max(needs) > self.capacity

    def _run(self, step: Coroutine[Any, Any, None]) -> None:
        before = list(self.waiting)
        self.loop.run_until_complete(step)
        admitted = [guest for guest in before if self._is_inside(guest)]
        self.inside += admitted
        self.waiting = [guest for guest in before if guest not in admitted and not self._is_refused(guest)]
        for guest in admitted:
            for other in self.waiting:
                assert other.level >= guest.level, "a lower class went first"
                if (other.level, other.tenant) == (guest.level, guest.tenant) and not guest.returned:
                    assert before.index(other) > before.index(guest) and not other.returned, "out of order"

    def _task(self, guest: Guest) -> asyncio.Task[None]:
        return self.crowd.tasks[f"{guest.name} again" if guest.returned else guest.name]

    def _is_inside(self, guest: Guest) -> bool:
        return (f"{guest.name} again" if guest.returned else guest.name) in self.crowd.inside

    def _is_refused(self, guest: Guest) -> bool:
        task = self._task(guest)
        if not task.done():
            return False
        assert isinstance(task.exception(), QueueFull)
        return True

    def teardown(self) -> None:
        """Everybody is served at last, and nothing is left."""
        self.change_capacity(3)
        while self.inside:
            guest = self.inside.pop()
            self._run(self.crowd.leave(guest.name))
        assert (self.waiting, self.crowd.counts) == ([], (0, 0, 0))
        assert all(task.done() for task in self.crowd.tasks.values())
        self.loop.close()


TestAdmissions = Admissions.TestCase
TestAdmissions.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
