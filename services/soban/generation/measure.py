"""What is measured of each request: timings for its summary, and OpenTelemetry's GenAI metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import soban.v1 as pb
from soban.generation.engine import Usage
from soban.runtime import semconv
from soban.runtime.errors import SobanError
from soban.runtime.telemetry import Telemetry


class Record:
    """One request on its way. Times are seconds of `time.perf_counter`."""

    __slots__ = ("_admitted", "_arrived", "_first", "_last", "cost", "normalized", "resumes", "steps", "usage")

    def __init__(self) -> None:
        self._arrived = time.perf_counter()
        self._admitted: float | None = None
        self._first: float | None = None
        self._last: float | None = None
        self.usage = Usage()
        self.cost: pb.Cost | None = None
        """None where nothing has a price."""
        self.resumes = 0
        """How often an answer was continued on another replica."""
        self.normalized = False
        """Whether a text was changed to its NFC form."""
        self.steps: list[pb.RouteStep] = []
        """The models that a route asked, in order."""

    def admitted(self) -> None:
        """It left the queue, for the first time."""
        if self._admitted is None:
            self._admitted = time.perf_counter()

    def output(self) -> None:
        """Something went out to the caller."""
        self._last = time.perf_counter()
        if self._first is None:
            self._first = self._last

    def charge(self, cost: pb.Cost | None) -> None:
        """Adds a price; None adds nothing."""
        if cost is None:
            return
        total = self.cost = self.cost or pb.Cost()
        total.krw_micros += cost.krw_micros
        total.usd_micros += cost.usd_micros
        total.engine_seconds += cost.engine_seconds

    def add(self, inner: Record) -> None:
        """What an answer that stands inside this one used: tokens, cost, resumes, its own steps."""
        self.usage += inner.usage
        self.charge(inner.cost)
        self.resumes += inner.resumes
        self.normalized |= inner.normalized
        self.steps += inner.steps
        if self._admitted is None:
            self._admitted = inner._admitted

    @property
    def seconds(self) -> float:
        """Since it arrived."""
        return time.perf_counter() - self._arrived

    @property
    def seconds_to_first(self) -> float | None:
        """From its arrival to its first output."""
        return None if self._first is None else self._first - self._arrived

    @property
    def seconds_per_token(self) -> float | None:
        """Per output token after the first. None for a route, whose tokens were not all written between the two."""
        if self._first is None or self._last is None or self.steps or self.usage.output_tokens < 2:
            return None
        return (self._last - self._first) / (self.usage.output_tokens - 1)

    def timings(self) -> pb.Timings:
        """In milliseconds, as in the contract."""
        end = time.perf_counter()
        admitted = self._admitted or end
        first = self._first or end
        return pb.Timings(
            queue_ms=(admitted - self._arrived) * 1000,
            prefill_ms=(first - admitted) * 1000,
            decode_ms=((self._last or end) - first) * 1000,
            first_text_ms=(first - self._arrived) * 1000 if self._first else 0.0,
            total_ms=(end - self._arrived) * 1000,
        )


class Meter:
    """Writes each request's record into the histograms of `semconv`."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._duration = telemetry.histogram(semconv.GEN_AI_SERVER_REQUEST_DURATION)
        self._to_first = telemetry.histogram(semconv.GEN_AI_SERVER_TIME_TO_FIRST_TOKEN)
        self._per_token = telemetry.histogram(semconv.GEN_AI_SERVER_TIME_PER_OUTPUT_TOKEN)
        self._tokens = telemetry.histogram(semconv.GEN_AI_CLIENT_TOKEN_USAGE)

    @contextmanager
    def measure(self, request: pb.GenerateRequest, engine: str) -> Iterator[Record]:
        """A record of what happens inside the `with`, however that ends."""
        record = Record()
        attributes = {
            semconv.GEN_AI_OPERATION_NAME: "chat" if request.messages else "text_completion",
            semconv.GEN_AI_PROVIDER_NAME: engine,
            semconv.GEN_AI_REQUEST_MODEL: request.model,
        }
        try:
            yield record
        except SobanError as err:
            attributes[semconv.ERROR_TYPE] = err.reason
            raise
        except BaseException as err:
            attributes[semconv.ERROR_TYPE] = type(err).__name__
            raise
        finally:
            self._write(record, attributes)

    def _write(self, record: Record, attributes: dict[str, str]) -> None:
        self._duration.record(record.seconds, attributes)
        attributes.pop(semconv.ERROR_TYPE, None)
        if record.seconds_to_first is not None:
            self._to_first.record(record.seconds_to_first, attributes)
        if record.seconds_per_token is not None:
            self._per_token.record(record.seconds_per_token, attributes)
        for kind, count in (("input", record.usage.input_tokens), ("output", record.usage.output_tokens)):
            if count:
                self._tokens.record(count, {**attributes, semconv.GEN_AI_TOKEN_TYPE: kind})
