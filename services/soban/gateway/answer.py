"""An answer under way: what generation writes becomes filter requests, what the filter releases becomes events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import soban.v1 as pb
from soban.gateway.lanes import MOST_CHOICES, Lane, Lanes, ToolLane
from soban.gateway.logprobs import LogprobLedger
from soban.gateway.verdicts import merged

Event: TypeAlias = pb.StreamChatResponse


class Choice:
    """One of the n texts that make an answer."""

    def __init__(self, index: int, ledger: LogprobLedger | None) -> None:
        self.index = index
        self.ledger = ledger
        self.delivered: list[str] = []
        self.finish: pb.GenerationFinish | None = None
        """Set when generation has written all of it."""
        self.verdicts: dict[int, tuple[Lane, pb.Verdict]] = {}
        """Of the lanes that have ended, by lane number."""
        self.ended = False
        """Nothing more of it goes out."""
        self.resumed = False
        """It was continued on another replica, which the next piece that goes out has to tell."""


class Answer:
    """State of all choices between generation's stream and the client's."""

    def __init__(self, chat: pb.ChatRequest) -> None:
        count = choice_count(chat)
        wants_logprobs = chat.options.logprobs
        self._choices = [Choice(index, LogprobLedger() if wants_logprobs else None) for index in range(count)]
        self._lanes = Lanes(count, frozenset(tool.name for tool in chat.options.tools))
        self._summary: pb.GenerationSummary | None = None
        self._input_tokens = 0
        self._written_tokens = 0
        self._resumes = 0

    @property
    def open(self) -> bool:
        """Whether a choice has still to end."""
        return not all(choice.ended for choice in self._choices)

    @property
    def stopped(self) -> bool:
        """Whether safety has ended every choice that generation still writes, so that it can be cancelled."""
        return not self.open and any(choice.finish is None for choice in self._choices)

    def told(self) -> pb.GenerationSummary:
        """Generation's own summary. Before it has come, and for good when safety stopped it, what the deltas told.

        Tokens whose text is held back count, too; those of the prompt only where the engine told them by then.
        """
        if self._summary is not None:
            return self._summary
        usage = pb.Usage(input_tokens=self._input_tokens, output_tokens=self._written_tokens)
        return pb.GenerationSummary(usage=usage, resumes=self._resumes)

    def texts(self) -> list[str]:
        """The answers as delivered so far."""
        return ["".join(choice.delivered) for choice in self._choices]

    def verdicts(self) -> list[pb.Verdict]:
        """One for each choice that was judged, ordered by index."""
        return [merged(choice.index, choice.verdicts.values()) for choice in self._choices if choice.verdicts]

    def written(self, event: pb.StreamGenerateResponse) -> Sequence[pb.FilterRequest]:
        """What the filter has to see of what generation wrote."""
        if event.HasField("delta"):
            return self._write(event.delta)
        if event.HasField("finish"):
            return self._end(event.finish)
        if event.HasField("summary"):
            self._summary = event.summary
        return ()

    def released(self, response: pb.FilterResponse) -> Sequence[Event]:
        """What goes to the client of what the filter released."""
        lane = self._lanes[response.lane]
        choice = self._choices[lane.choice]
        if choice.ended:
            return ()
        events = [self._delta(choice, lane, response.text)] if response.text else []
        if response.HasField("verdict"):
            events.extend(self._judged(choice, lane, response.verdict))
        return events

    def _write(self, delta: pb.GenerationDelta) -> list[pb.FilterRequest]:
        choice = self._choices[delta.index]
        self._written_tokens += delta.tokens
        self._input_tokens = self._input_tokens or delta.input_tokens
        if delta.resumed:
            choice.resumed = True
            self._resumes += 1
        if choice.ended:
            return []
        pieces = []
        if delta.text:
            pieces.append(_piece(delta.index, delta.text))
        if delta.reasoning:
            pieces.append(_piece(self._lanes.reasoning(delta.index).number, delta.reasoning))
        for call in delta.tool_calls:
            pieces.append(_piece(self._lanes.tool(delta.index, call).number, call.arguments))
        if choice.ledger is not None:
            choice.ledger.wrote(delta.logprobs)
        return pieces

    def _end(self, finish: pb.GenerationFinish) -> list[pb.FilterRequest]:
        """Ends the choice's lanes; with their verdicts it ends, too."""
        choice = self._choices[finish.index]
        choice.finish = finish
        if choice.ended:
            return []
        return [pb.FilterRequest(end=pb.FilterEnd(lane=lane.number)) for lane in self._lanes.of_choice(finish.index)]

    def _delta(self, choice: Choice, lane: Lane, text: str) -> Event:
        delta = lane.delta(text)
        if choice.resumed:
            delta.resumed, choice.resumed = True, False
        if lane.number == choice.index:
            choice.delivered.append(text)
            if choice.ledger is not None:
                delta.logprobs.extend(choice.ledger.released(text))
        return Event(delta=delta)

    def _judged(self, choice: Choice, lane: Lane, verdict: pb.Verdict) -> list[Event]:
        choice.verdicts[lane.number] = lane, verdict
        if verdict.action == pb.ACTION_BLOCK:
            choice.ended = True
            return [Event(finish=pb.ChatFinish(index=choice.index, finish_reason=pb.FINISH_REASON_SAFETY))]
        events = []
        if isinstance(lane, ToolLane) and not lane.announced:
            events.append(self._delta(choice, lane, ""))
        lanes = self._lanes.of_choice(choice.index)
        if choice.finish is not None and all(lane.number in choice.verdicts for lane in lanes):
            choice.ended = True
            events.append(_finish(choice.finish))
        return events


def choice_count(chat: pb.ChatRequest) -> int:
    """n of the request, within what the contract allows; generation refuses the rest."""
    wanted = chat.options.n if chat.options.HasField("n") else 1
    return min(max(wanted, 1), MOST_CHOICES)


def _piece(lane: int, text: str) -> pb.FilterRequest:
    return pb.FilterRequest(text=pb.FilterText(lane=lane, text=text))


def _finish(finish: pb.GenerationFinish) -> Event:
    return Event(
        finish=pb.ChatFinish(index=finish.index, finish_reason=finish.finish_reason, stop_sequence=finish.stop_sequence)
    )
