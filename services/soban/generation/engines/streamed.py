"""What all answers that come as events of JSON have in common: whole text, stop texts, tokens that wait, an end."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

import soban.v1 as pb
from soban.generation.engine import Finished, Piece, Usage
from soban.generation.engines.stops import StopMatcher
from soban.generation.engines.text import WholeText
from soban.generation.engines.waiting import WaitingTokens
from soban.runtime.errors import EngineFailed, EngineLost

_DONE = b"[DONE]"
# `json.loads` looks for the encoding and for white space around: half of its time on an event.
decode = json.JSONDecoder().raw_decode
"""Reads JSON at the begin of a text: the object, and where it ends."""


class StreamedAnswer(ABC):
    """A `Reply` without its pieces: those are of each kind of event."""

    def __init__(self, request: pb.GenerateRequest) -> None:
        self._request = request
        self._text = WholeText()
        self._stops = StopMatcher(request.options.stop)
        self._top_logprobs = request.options.top_logprobs
        self._waiting = WaitingTokens()
        self._piece = Piece()
        self._usage = Usage()
        self._reason: pb.FinishReason.ValueType | None = None
        self._done = False

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be read: the stream said so, or a stop text was met."""
        return self._done or bool(self._stops.found)

    @property
    def complete(self) -> bool:
        """As `Reply`."""
        return self._reason is not None or bool(self._stops.found)

    def take(self, data: bytes) -> None:
        """Raises EngineFailed for an event that makes no sense, and what an error event stands for."""
        if data == _DONE:
            self._done = True
            return
        try:
            self._take(decode(data.decode())[0])
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as err:
            # Without the cause: it may quote the text.
            raise EngineFailed(f"the engine sent an event that makes no sense ({type(err).__name__})") from None

    def finished(self) -> Finished:
        """How it ended. Raises EngineLost when it was cut off."""
        if self._stops.found:
            return Finished(pb.FINISH_REASON_STOP, self._usage, self._stops.found)
        if self._reason is None:
            raise EngineLost("the engine ended its stream before the answer")
        return Finished(self._reason, self._usage)

    @abstractmethod
    def _take(self, event: dict[str, Any]) -> None:
        """An event that is no `[DONE]`."""
