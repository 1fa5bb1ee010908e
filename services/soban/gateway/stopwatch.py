"""Times of one chat, and what is known of it so far."""

from __future__ import annotations

import time
from collections.abc import Callable

import soban.v1 as pb


class Stopwatch:
    """Runs from the request's arrival."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._input_checked: float | None = None
        self._first_piece: float | None = None
        self.asked_model = ""
        """The model that the request names, once it is known to exist: strangers cannot name series, spans or lines."""
        self.model = ""
        """The model that answers, once known."""
        self._told: Callable[[], pb.GenerationSummary] = pb.GenerationSummary

    def input_checked(self) -> None:
        """The judgement of the input is there."""
        self._input_checked = self.seconds()

    def leaves(self, event: pb.StreamChatResponse) -> None:
        """Something that the filter released goes to the client."""
        if self._first_piece is None and event.HasField("delta"):
            self._first_piece = self.seconds()

    def counts(self, told: Callable[[], pb.GenerationSummary]) -> None:
        """Generation has begun; `told` is what it used so far."""
        self._told = told

    @property
    def told(self) -> pb.GenerationSummary:
        """What generation used, also of an answer that was cut off."""
        return self._told()

    @property
    def first_piece(self) -> float | None:
        """Seconds from arrival to the first piece, None before it."""
        return self._first_piece

    def seconds(self) -> float:
        """Since the request's arrival."""
        return time.perf_counter() - self._began

    def timings(self, told: pb.Timings) -> pb.Timings:
        """Generation's timings with the gateway's beside them."""
        return pb.Timings(
            queue_ms=told.queue_ms,
            prefill_ms=told.prefill_ms,
            decode_ms=told.decode_ms,
            input_safety_ms=(self._input_checked or 0.0) * 1000,
            first_text_ms=(self._first_piece or 0.0) * 1000,
            total_ms=self.seconds() * 1000,
        )
