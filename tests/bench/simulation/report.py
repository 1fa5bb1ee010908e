"""What is simulated, and the tables of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.simulation.hardware import H100, L4, Hardware
from bench.simulation.policies import POLICIES
from bench.simulation.replay import Outcome, Replay
from bench.simulation.trace import Ask, TraceMaker, spread
from bench.table import Line, print_lines

SEEDS = (101, 102, 103)
"""The Chooser was built and its constants were set with seeds 1 to 6; these were not looked at until it stood."""
REPLICAS = 8
REQUESTS = 3000
OURS = "Soban"
BUSY = 1.1
"""Load at which round robin begins to queue."""
_MOST = 1.05


@dataclass(frozen=True)
class Case:
    """One table: policies at one load."""

    hardware: Hardware
    shared: bool
    load: float
    pods: int = 1
    policies: tuple[str, ...] = tuple(POLICIES)

    @property
    def title(self) -> str:
        """For people."""
        prompts = "shared prefixes" if self.shared else "no shared prefixes"
        return f"{REPLICAS} x {self.hardware.name}, {prompts}, load {self.load:g}, pods of generation: {self.pods}"


_FEW = (OURS, "round robin", "least requests")
CASES = (
    *(Case(L4, shared=True, load=load) for load in (0.7, 0.9, BUSY)),
    *(Case(L4, shared=False, load=load) for load in (0.5, 0.7, 0.9)),
    *(Case(L4, shared=True, load=load, pods=pods, policies=_FEW) for pods in (2, 4) for load in (0.9, BUSY)),
    *(Case(L4, shared=False, load=0.9, pods=pods, policies=_FEW) for pods in (2, 4)),
    Case(H100, shared=True, load=1.5, policies=_FEW),
    Case(H100, shared=False, load=1.0, policies=_FEW),
)


class Results:
    """Outcomes of a case by policy, one for each seed."""

    def __init__(self, outcomes: dict[str, list[Outcome]]) -> None:
        self._outcomes = outcomes

    def p99(self, policy: str) -> float:
        """Seconds, geometric mean over seeds."""
        return _mean(outcome.quantile(0.99) for outcome in self._outcomes[policy])

    def ratios(self, policy: str) -> list[float]:
        """Its p99 over ours, by seed."""
        pairs = zip(self._outcomes[policy], self._outcomes[OURS], strict=True)
        return [theirs.quantile(0.99) / ours.quantile(0.99) for theirs, ours in pairs]

    def others(self) -> list[str]:
        """All policies but ours."""
        return [policy for policy in self._outcomes if policy != OURS]

    def rows(self) -> Iterator[str]:
        """Of the table."""
        yield f"{'policy':<24}{'p50':>9}{'p99':>9}  {'p99 by seed':<15}{'hit rate':>9}"
        for policy, outcomes in self._outcomes.items():
            p50 = _mean(outcome.quantile(0.5) for outcome in outcomes)
            tails = sorted(outcome.quantile(0.99) for outcome in outcomes)
            hits = sum(outcome.hit_rate for outcome in outcomes) / len(outcomes)
            between = f"{tails[0]:.2f} to {tails[-1]:.2f}"
            yield f"{policy:<24}{p50:>7.3f} s{self.p99(policy):>7.2f} s  {between:<15}{hits:>9.0%}"


def run() -> None:
    """Prints all tables, then the bars."""
    traces = _traces()
    results = {}
    for case in CASES:
        results[case] = _results(case, traces)
        print(f"\nTime to first token, {case.title}")
        for row in results[case].rows():
            print(f"  {row}")
    print_lines("Choice of a replica, simulated; one pod, L4", list(_bars(results)))


def _traces() -> Callable[[Case, int], Sequence[Ask]]:
    """Visits are made once for all loads."""
    makers = {(seed, shared): TraceMaker(seed, shared=shared) for seed in SEEDS for shared in (True, False)}
    visits = {key: maker.visits(REQUESTS) for key, maker in makers.items()}
    return lambda case, seed: spread(visits[seed, case.shared], case.hardware, REPLICAS, case.load, seed)


def _results(case: Case, trace: Callable[[Case, int], Sequence[Ask]]) -> Results:
    outcomes: dict[str, list[Outcome]] = {policy: [] for policy in case.policies}
    for seed in SEEDS:
        asks = trace(case, seed)
        for policy in case.policies:
            replay = Replay(case.hardware, REPLICAS, case.pods, POLICIES[policy], seed)
            outcomes[policy].append(replay.run(asks))
    return Results(outcomes)


def _bars(results: dict[Case, Results]) -> Iterator[Line]:
    for case, found in results.items():
        if case.pods != 1 or case.hardware is not L4:
            continue
        if case.shared:
            ratio = _mean(found.ratios("round robin"))
            least = min(found.ratios("round robin"))
            busy = case.load == BUSY
            yield Line(
                f"shared, load {case.load:g}: p99 of round robin over ours",
                f"{ratio:.1f} x",
                ">= 2 x" if busy else "",
                ratio >= 2 if busy else None,
            )
            yield Line("  worst seed", f"{least:.1f} x")
        else:
            best = min(found.others(), key=found.p99)
            ratio = found.p99(OURS) / found.p99(best)
            yield Line(
                f"not shared, load {case.load:g}: p99 over the best ({best})",
                f"{ratio:.2f} x",
                f"<= {_MOST:g} x",
                ratio <= _MOST,
            )


def _mean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))
