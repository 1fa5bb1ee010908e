"""One trace through one policy: arrivals are open loop, so a slow pool does not slow them."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from bench.simulation.engine import Engine, Job
from bench.simulation.hardware import Hardware
from bench.simulation.policies import Policy
from bench.simulation.trace import Ask
from bench.simulation.view import View
from soban.generation.choosing.demand import Demand

_WARM_SHARE = 0.2
"""Of the trace that is not counted: caches fill."""


@dataclass(frozen=True)
class Outcome:
    """Seconds to the first token, sorted, and the share of prompt tokens that came from a cache."""

    seconds: Sequence[float]
    hit_rate: float

    def quantile(self, share: float) -> float:
        """Of the seconds."""
        return self.seconds[int(share * len(self.seconds))]


class Replay:
    """`policy` is made once for each pod; a pod knows of what itself has sent, no more."""

    def __init__(
        self, hardware: Hardware, replicas: int, pods: int, policy: Callable[[Random], Policy], seed: int
    ) -> None:
        self._random = Random(seed)
        self._engines = [Engine(hardware) for _ in range(replicas)]
        self._policies = [policy(Random(f"{seed}-{pod}")) for pod in range(pods)]
        self._views = [
            [View(f"http://10.0.0.{number}:8000", engine) for number, engine in enumerate(self._engines)]
            for _ in range(pods)
        ]
        self._events: list[tuple[float, int, Engine]] = []
        self._numbers = itertools.count()
        self._seconds: list[float] = []
        self._cached = self._tokens = 0

    def run(self, asks: Sequence[Ask]) -> Outcome:
        """All of them, to the last token."""
        mean_answer = sum(ask.answer_tokens for ask in asks) / len(asks)
        counted_from = asks[-1].at * _WARM_SHARE
        for ask in asks:
            self._pass_time(ask.at)
            self._place(ask, mean_answer, counted=ask.at >= counted_from)
        self._pass_time(float("inf"))
        return Outcome(sorted(self._seconds), self._cached / self._tokens)

    def _pass_time(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            now, _, engine = heapq.heappop(self._events)
            self._schedule(engine, engine.end_step(now))

    def _schedule(self, engine: Engine, end: float | None) -> None:
        if end is not None:
            heapq.heappush(self._events, (end, next(self._numbers), engine))

    def _place(self, ask: Ask, expected_answer: float, *, counted: bool) -> None:
        """The prompt's length is estimated from its characters, the answer's by the mean of all."""
        pod = int(ask.pod * len(self._policies))
        policy = self._policies[pod]
        prefill = ask.prompt_tokens * self._random.uniform(0.85, 1.15)
        demand = Demand(prefill, expected_answer, ask.prefix, ask.session)
        view = policy.choose(self._views[pod], demand)
        work = policy.placed(view, demand)
        view.placed(work)

        def begun(job: Job, now: float) -> None:
            view.begun(job, work, expected_answer)
            if counted:
                self._seconds.append(now - ask.at)
                self._cached += job.cached
                self._tokens += ask.prompt_tokens

        job = Job(next(self._numbers), ask, begun, lambda job, _: view.ended(job))
        self._schedule(view.engine, view.engine.submit(job, ask.at))
