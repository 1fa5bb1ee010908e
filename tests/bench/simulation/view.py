"""A replica as one pod of generation sees it: what that pod has sent there, and how far it is by its own estimate."""

from __future__ import annotations

import heapq

from bench.simulation.engine import Engine, Job


class View:
    """Satisfies Candidate."""

    weight: float | None = None
    group = 0
    adapters: frozenset[str] = frozenset()

    def __init__(self, name: str, engine: Engine) -> None:
        self.id = name
        self.engine = engine
        self.running = 0
        self._pending = 0.0
        """Tokens of prompts not begun to be answered, and of their answers."""
        self._decoding = 0.0
        """Steps at which the answers under way are expected to end, summed up; and those steps."""
        self._ends: list[tuple[float, int]] = []
        self._open: dict[int, float] = {}

    @property
    def slots(self) -> int:
        return self.engine.hardware.slots

    @property
    def work(self) -> float:
        """Each step of the engine does one token of each answer; none is less than done."""
        while self._ends and self._ends[0][0] <= self.engine.steps:
            self._close(heapq.heappop(self._ends)[1])
        return self._pending + self._decoding - len(self._open) * self.engine.steps

    def placed(self, work: float) -> None:
        """A request of that many tokens is sent."""
        self.running += 1
        self._pending += work

    def begun(self, job: Job, work: float, decode: float) -> None:
        """It has its first token, `decode` more are expected."""
        self._pending -= work
        end = self.engine.steps + decode
        self._open[job.number] = end
        self._decoding += end
        heapq.heappush(self._ends, (end, job.number))

    def ended(self, job: Job) -> None:
        """It is done."""
        self.running -= 1
        self._close(job.number)

    def _close(self, number: int) -> None:
        self._decoding -= self._open.pop(number, 0.0)
