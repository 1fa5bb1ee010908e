"""One Filter call as its messages come: config first, then texts and ends of lanes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import soban.v1 as pb
from soban.runtime.errors import InvalidField
from soban.safety.answers import release_of
from soban.safety.decisions import Direction
from soban.safety.metrics import Metrics
from soban.safety.passages import author_of, texts_of
from soban.safety.policy import Policies, Policy
from soban.safety.requests import TextLimit, direction_of, measure_of, refuse_unbuilt
from soban.safety.scanner import Scanner
from soban.safety.streams import FilterStream, Release


class FilterCall:
    """Turns requests into responses. Its methods raise SobanError for what a client may not send."""

    def __init__(
        self,
        stream: FilterStream,
        policy: Policy,
        direction: Direction,
        limit: TextLimit,
        metrics: Metrics,
        *,
        explain: bool,
    ) -> None:
        self._stream = stream
        self._policy = policy
        self._direction = direction
        self._limit = limit
        self._metrics = metrics
        self._explain = explain
        self._longest_step = 0.0

    @classmethod
    def open(
        cls, first: pb.FilterRequest, scanner: Scanner, policies: Policies, limit: TextLimit, metrics: Metrics
    ) -> FilterCall:
        """By the config that a stream begins with. Raises InvalidField, PolicyNotFound, NotBuilt."""
        if first.WhichOneof("event") != "config":
            raise InvalidField("a stream must begin with its config", field="config")
        config = first.config
        policy = policies.get(config.policy, "config.policy")
        direction = direction_of(config.direction, Direction.OUTPUT, "config.direction")
        measure = measure_of(config.offset_unit, "config.offset_unit")
        refuse_unbuilt(config, "config.")
        for text in texts_of(config.messages):
            limit.check(text, "config.messages")
        decisions = policy.decisions(direction, author_of(direction))
        stream = FilterStream(scanner, decisions, measure, texts_of(config.messages), explain=config.explain)
        return cls(stream, policy, direction, limit, metrics, explain=config.explain)

    def take(self, requests: Iterable[pb.FilterRequest]) -> list[pb.FilterResponse]:
        """Responses to requests that came together; texts of one lane are filtered in one go."""
        began = time.perf_counter()
        responses = [self._response(release) for request in requests for release in self._take(request)]
        responses += [self._response(release) for release in self._stream.run()]
        self._longest_step = max(self._longest_step, time.perf_counter() - began)
        return responses

    def finish(self) -> list[pb.FilterResponse]:
        """Responses to the end of all requests: what lanes still hold, and their verdicts."""
        responses = [self._response(release) for release in self._stream.finish()]
        self._metrics.stream_ended(self._longest_step)
        return responses

    def _take(self, request: pb.FilterRequest) -> Iterator[Release]:
        event = request.WhichOneof("event")
        if event == "text":
            self._limit.check(request.text.text, "text.text")
            self._stream.add(request.text.lane, request.text.text)
            return iter(())
        if event == "end":
            return self._stream.end(request.end.lane)
        if event == "config":
            raise InvalidField("the config comes once", field="config")
        raise InvalidField("must be a text or an end", field="event")

    def _response(self, release: Release) -> pb.FilterResponse:
        self._metrics.found(release.piece.findings, self._direction)
        return release_of(release, self._policy, self._direction, explain=self._explain)
