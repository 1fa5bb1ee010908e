"""A whole answer from its events."""

from __future__ import annotations

import soban.v1 as pb
from soban.generation.engine import Event, Finished, Piece


class Collected:
    """`add` every event, then `choices` are the answers, ordered by index."""

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}

    def add(self, index: int, event: Event) -> None:
        """An event of answer number `index`."""
        choice = self._choices.setdefault(index, _Choice(index))
        if isinstance(event, Piece):
            choice.add(event)
        elif isinstance(event, Finished):
            choice.finish(event)

    def choices(self) -> list[pb.GeneratedChoice]:
        """All of them."""
        return [self._choices[index].answer() for index in sorted(self._choices)]


class _Choice:
    def __init__(self, index: int) -> None:
        self._answer = pb.GeneratedChoice(index=index)
        self._texts: list[str] = []
        self._thoughts: list[str] = []

    def add(self, piece: Piece) -> None:
        self._texts.append(piece.text)
        self._thoughts.append(piece.reasoning)
        self._answer.logprobs.extend(piece.logprobs)
        for delta in piece.tool_calls:
            self._add_call(delta)

    def finish(self, finished: Finished) -> None:
        self._answer.finish_reason = finished.reason
        self._answer.stop_sequence = finished.stop_sequence

    def answer(self) -> pb.GeneratedChoice:
        self._answer.text = "".join(self._texts)
        self._answer.reasoning = "".join(self._thoughts)
        return self._answer

    def _add_call(self, delta: pb.ToolCallDelta) -> None:
        calls = self._answer.tool_calls
        while len(calls) <= delta.index:
            calls.add()
        call = calls[delta.index]
        call.id = call.id or delta.id
        call.name = call.name or delta.name
        call.arguments += delta.arguments
