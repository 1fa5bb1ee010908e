"""Requests that hold their sequences until they are told to leave."""

from __future__ import annotations

import asyncio
from typing import Any

import soban.v1 as pb
from soban.generation.admission import Admission, Claim, Place

HIGH, NORMAL, LOW = pb.PRIORITY_HIGH, pb.PRIORITY_NORMAL, pb.PRIORITY_LOW


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Crowd:
    """`inside` has the names of those that were admitted, in that order."""

    def __init__(self, capacity: int, queue_limit: int, hold_seconds: float = 30.0) -> None:
        self.clock = Clock()
        self.admission = Admission(
            queue_limit, hold_seconds, lambda: "소반 모델의 복제본이 없습니다", self.clock, lambda: 0.0
        )
        self.admission.set_capacity(capacity)
        self.inside: list[str] = []
        self.places: dict[str, Place] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._leave: dict[str, asyncio.Event] = {}

    @property
    def counts(self) -> tuple[int, int, int]:
        """Running, queued, held."""
        return self.admission.running, self.admission.queued, self.admission.held

    def place(
        self,
        need: int = 1,
        priority: Any = NORMAL,
        tenant: str = "",
        work: float = 1.0,
        deadline: float | None = None,
    ) -> Place:
        """`deadline` in seconds from now."""
        until = None if deadline is None else self.clock.now + deadline
        return self.admission.place(Claim(need, priority, tenant, work, until))

    async def come(self, *names: str, **claim: Any) -> None:
        for name in names:
            self.places[name] = self.place(**claim)
            self._leave[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._stay(name))
            await self.settle()

    async def leave(self, *names: str) -> None:
        for name in names:
            self._leave[name].set()
            await self.settle()

    async def resize(self, capacity: int) -> None:
        self.admission.set_capacity(capacity)
        await self.settle()

    async def return_(self, name: str, retry_after: float | None = None) -> None:
        """The engine sends it back; its own task goes on as it was."""
        self.tasks[f"{name} again"] = asyncio.create_task(self._again(name, retry_after))
        await self.settle()

    async def serve_all(self) -> list[str]:
        """Whoever is inside leaves, the longest there first, until nobody is left; the whole order of admission."""
        for name in self.inside:
            await self.leave(name)
        return self.inside

    async def learn(self, seconds: float, work: float = 1.0, need: int = 1) -> None:
        """Somebody was served that long."""
        async with self.place(need, work=work) as place:
            self.clock.now += seconds
            place.completed = True

    async def refusal(self, **claim: Any) -> BaseException:
        """What a newcomer is told that is not let in."""
        await self.come("거절", **claim)
        task = self.tasks.pop("거절")
        assert task.done(), "it waits"
        err = task.exception()
        assert err is not None
        return err

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def _stay(self, name: str) -> None:
        async with self.places[name] as place:
            self.inside.append(name)
            await self._leave[name].wait()
            place.completed = True

    async def _again(self, name: str, retry_after: float | None) -> None:
        await self.places[name].requeue(retry_after)
        self.inside.append(f"{name} again")
