"""An answer that is kept back, and let go in as few events as it can be told in."""

from __future__ import annotations

from soban.generation.choices import ChoiceEvent
from soban.generation.engine import Finished, Piece


class Held:
    """`add` events, then `release` them: Started, one piece for each choice that has any, the ends that were there."""

    def __init__(self) -> None:
        self._started: ChoiceEvent | None = None
        self._pieces: dict[int, list[Piece]] = {}
        self._finished: list[ChoiceEvent] = []

    def add(self, item: ChoiceEvent) -> None:
        """The next event of the answer."""
        if isinstance(item.event, Piece):
            self._pieces.setdefault(item.choice, []).append(item.event)
        elif isinstance(item.event, Finished):
            self._finished.append(item)
        elif self._started is None:
            self._started = item

    def release(self, *, logprobs: bool) -> list[ChoiceEvent]:
        """All of it; without `logprobs` those are left out."""
        started = [] if self._started is None else [self._started]
        pieces = [ChoiceEvent(choice, _joined(self._pieces[choice], logprobs)) for choice in sorted(self._pieces)]
        return [*started, *pieces, *self._finished]


def shows(item: ChoiceEvent) -> bool:
    """Whether the caller gets something that cannot be taken back."""
    event = item.event
    if isinstance(event, Piece):
        return bool(event.text or event.reasoning or event.tool_calls)
    return isinstance(event, Finished)


def without_logprobs(item: ChoiceEvent) -> ChoiceEvent:
    """The same, for a client that did not ask for them."""
    if isinstance(item.event, Piece):
        item.event.logprobs = []
    return item


def _joined(pieces: list[Piece], logprobs: bool) -> Piece:
    return Piece(
        text="".join(piece.text for piece in pieces),
        reasoning="".join(piece.reasoning for piece in pieces),
        tokens=sum(piece.tokens for piece in pieces),
        tool_calls=[call for piece in pieces for call in piece.tool_calls],
        logprobs=[each for piece in pieces for each in piece.logprobs] if logprobs else [],
        input_tokens=next((piece.input_tokens for piece in pieces if piece.input_tokens is not None), None),
        resumed=any(piece.resumed for piece in pieces),
    )
