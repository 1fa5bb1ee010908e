"""What is simulated, and the tables of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bench.simulation.hardware import H100, L4, Hardware
from bench.simulation.policies import BOUNDS, POLICIES
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
    one_session: bool = False
    """Whether all requests name the same session, as no client should."""

    @property
    def title(self) -> str:
        """For people."""
        prompts = "shared prefixes" if self.shared else "no shared prefixes"
        misuse = ", one session for all" if self.one_session else ""
        return f"{REPLICAS} x {self.hardware.name}, {prompts}{misuse}, load {self.load:g}, pods: {self.pods}"


_FEW = (OURS, "round robin", "least requests")
CASES = (
    *(Case(L4, shared=True, load=load) for load in (0.7, 0.9, BUSY)),
    *(Case(L4, shared=False, load=load) for load in (0.5, 0.7, 0.9)),
    *(Case(L4, shared=True, load=load, pods=pods, policies=_FEW) for pods in (2, 4) for load in (0.9, BUSY)),
    *(Case(L4, shared=False, load=0.9, pods=pods, policies=_FEW) for pods in (2, 4)),
    Case(H100, shared=True, load=1.5, policies=_FEW),
    Case(H100, shared=False, load=1.0, policies=_FEW),
    *(
        Case(L4, shared=True, load=0.9, pods=pods, policies=tuple(BOUNDS), one_session=one_session)
        for one_session in (False, True)
        for pods in (1, 4)
    ),
)


class Results:
    """Outcomes of a case by policy, one for each seed."""

    def __init__(self, outcomes: dict[str, list[Outcome]]) -> None:
        self._outcomes = outcomes

    def p99(self, policy: str) -> float:
        """Seconds, geometric mean over seeds."""
        return _mean(outcome.quantile(0.99) for outcome in self._outcomes[policy])

    def ratios(self, policy: str) -> list[float]:
        """Its p99 over ours, by seed; the least is the worst for us."""
        pairs = zip(self._outcomes[policy], self._outcomes[OURS], strict=True)
        return sorted(theirs.quantile(0.99) / ours.quantile(0.99) for theirs, ours in pairs)

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

    def trace(case: Case, seed: int) -> Sequence[Ask]:
        asks = spread(visits[seed, case.shared], case.hardware, REPLICAS, case.load, seed)
        return [replace(ask, session="everyone") for ask in asks] if case.one_session else asks

    return trace


def _results(case: Case, trace: Callable[[Case, int], Sequence[Ask]]) -> Results:
    known = {**POLICIES, **BOUNDS}
    outcomes: dict[str, list[Outcome]] = {policy: [] for policy in case.policies}
    for seed in SEEDS:
        asks = trace(case, seed)
        for policy in case.policies:
            outcomes[policy].append(Replay(case.hardware, REPLICAS, case.pods, known[policy], seed).run(asks))
    return Results(outcomes)


def _bars(results: dict[Case, Results]) -> Iterator[Line]:
    for case, found in results.items():
        if case.pods == 1 and case.hardware is L4 and OURS in case.policies:
            yield from _shared_bar(case, found) if case.shared else _unshared_bar(case, found)


def _shared_bar(case: Case, found: Results) -> Iterator[Line]:
    """While round robin has no queue, p99 is a long document that nobody has, alone on its engine: no choice helps."""
    ratios = found.ratios("round robin")
    bar, met = (">= 2 x", _mean(ratios) >= 2) if case.load == BUSY else ("", None)
    yield Line(f"shared, load {case.load:g}: p99 of round robin over ours", f"{_mean(ratios):.1f} x", bar, met)
    yield Line("  in the worst of the seeds", f"{ratios[0]:.1f} x")


def _unshared_bar(case: Case, found: Results) -> Iterator[Line]:
    best = min(found.others(), key=found.p99)
    ratio = 1 / _mean(found.ratios(best))
    what = f"not shared, load {case.load:g}: p99 over the best, {best}"
    yield Line(what, f"{ratio:.2f} x", f"<= {_MOST:g} x", ratio <= _MOST)
    worst = max(1 / found.ratios(policy)[0] for policy in found.others())
    yield Line("  over the best in the worst of the seeds", f"{worst:.2f} x")


def _mean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))
