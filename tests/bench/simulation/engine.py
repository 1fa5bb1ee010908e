"""An engine that batches continuously, its prefill cut into chunks, as vLLM does it."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.simulation.cache import BLOCK_TOKENS, KvCache
from bench.simulation.hardware import Hardware
from bench.simulation.trace import Ask


@dataclass(slots=True)
class Job:
    """A request in an engine; `number` is its own."""

    number: int
    ask: Ask
    begun: Callable[[Job, float], None]
    """Called with the time of the first token."""
    ended: Callable[[Job, float], None]
    cached: int = 0
    """Tokens of its prompt that the cache had."""
    left: int = 0
    """Tokens of its prompt that are still to be computed."""
    known: int = 0


@dataclass
class Engine:
    """One replica. Time is the caller's: `submit` and `end_step` tell when the step that they begin ends."""

    hardware: Hardware
    steps: int = 0
    _waiting: deque[Job] = field(default_factory=deque)
    _prefilling: deque[Job] = field(default_factory=deque)
    _ends: list[tuple[int, int, Job]] = field(default_factory=list)
    _context: int = 0
    _busy: bool = False
    _chunk: list[tuple[Job, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._cache = KvCache(self.hardware.kv_tokens)

    def submit(self, job: Job, now: float) -> float | None:
        """None when a step is under way already."""
        self._waiting.append(job)
        return None if self._busy else self._begin_step(now)

    def end_step(self, now: float) -> float | None:
        """None when there is nothing left to do."""
        self.steps += 1
        self._context += len(self._ends)
        while self._ends and self._ends[0][0] <= self.steps:
            self._end(heapq.heappop(self._ends)[2], now)
        for job, tokens in self._chunk:
            job.left -= tokens
            if not job.left:
                self._prefilling.popleft()
                self._begin_decode(job, now)
        return self._begin_step(now)

    def _begin_step(self, now: float) -> float | None:
        self._admit()
        room = self.hardware.chunk - len(self._ends)
        self._chunk = []
        for job in self._prefilling:
            self._chunk.append((job, min(job.left, room)))
            room -= self._chunk[-1][1]
            if room <= 0:
                break
        self._busy = bool(self._ends or self._chunk)
        prefill = sum(tokens for _, tokens in self._chunk)
        return now + self.hardware.step(len(self._ends), self._context, prefill) if self._busy else None

    def _admit(self) -> None:
        while self._waiting and len(self._ends) + len(self._prefilling) < self.hardware.slots:
            job = self._waiting[0]
            known = self._cache.reserve(job.ask.blocks, job.ask.blocks_with_answer)
            if known is None:
                return
            job.known = known
            # The last token is always computed: its output is the first of the answer.
            job.cached = min(known * BLOCK_TOKENS, job.ask.prompt_tokens - 1)
            job.left = job.ask.prompt_tokens - job.cached
            self._prefilling.append(self._waiting.popleft())

    def _begin_decode(self, job: Job, now: float) -> None:
        self._cache.share(job.ask.blocks[job.known :])
        job.begun(job, now)
        self._context += job.ask.prompt_tokens
        heapq.heappush(self._ends, (self.steps + job.ask.answer_tokens - 1, job.number, job))
        while self._ends[0][0] <= self.steps:
            self._end(heapq.heappop(self._ends)[2], now)

    def _end(self, job: Job, now: float) -> None:
        ask = job.ask
        self._context -= ask.prompt_tokens + ask.answer_tokens - 1
        answer = ask.answer_blocks
        self._cache.share(answer)
        self._cache.release((*ask.blocks, *answer), ask.blocks_with_answer - len(ask.blocks) - len(answer))
        job.ended(job, now)
