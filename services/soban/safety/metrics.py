"""What is measured: findings by category, and how long judging takes. Never any text."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from soban.runtime.semconv import Histogram
from soban.runtime.telemetry import Telemetry
from soban.safety.decisions import Direction
from soban.safety.filter import Finding

_SECONDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)
CHECK_DURATION = Histogram("soban.safety.check.duration", "s", "Time to judge one request.", _SECONDS)
FILTER_LONGEST_STEP = Histogram(
    "soban.safety.filter.longest_step", "s", "Longest time that a stream's text was held up by filtering.", _SECONDS
)
FINDINGS = "soban.safety.findings"


class Metrics:
    """Counts and times."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._checks = telemetry.histogram(CHECK_DURATION)
        self._steps = telemetry.histogram(FILTER_LONGEST_STEP)
        self._findings = telemetry.meter.create_counter(FINDINGS, "{finding}", "What was found, and what was done.")

    @contextmanager
    def check(self) -> Iterator[None]:
        """Times the judging of one request."""
        began = time.perf_counter()
        yield
        self._checks.record(time.perf_counter() - began)

    def found(self, findings: Iterable[Finding], direction: Direction) -> None:
        """Counts findings by category and action."""
        for finding in findings:
            attributes = {"category": finding.category, "action": finding.action.name, "direction": direction.name}
            self._findings.add(1, attributes)

    def stream_ended(self, longest_step: float) -> None:
        """Records a stream's slowest step, in seconds."""
        self._steps.record(longest_step)
