"""Targets that do what a test tells them, and what came of a request to one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

import soban.v1 as pb
from soban.generation.choices import ChoiceEvent, choice_count
from soban.generation.engine import Event, Finished, Piece, Started, Usage
from soban.generation.routes.card import RouteCard
from soban.generation.target import Target, Visit
from soban.runtime.errors import SobanError

Step = Event | ChoiceEvent | SobanError | asyncio.Event


def said(
    *texts: str, logprob: float | None = None, reason: pb.FinishReason = pb.FINISH_REASON_STOP, tokens: int = 2
) -> list[Step]:
    """An answer in pieces, each of `tokens` tokens."""
    logprobs = [] if logprob is None else [pb.TokenLogprob(token="x", logprob=logprob)] * tokens
    pieces = [Piece(text, tokens=tokens, logprobs=list(logprobs)) for text in texts]
    return [*pieces, Finished(reason, Usage(input_tokens=5, output_tokens=tokens * len(texts)))]


def called(name: str, arguments: str) -> list[Step]:
    """An answer that calls a tool."""
    call = pb.ToolCallDelta(index=0, id="call-1", name=name, arguments=arguments)
    usage = Usage(input_tokens=5, output_tokens=4)
    return [Piece(tool_calls=[call], tokens=4), Finished(pb.FINISH_REASON_TOOL_CALLS, usage)]


class FakeTarget:
    """Each request plays the next of `plays`, the last again and again, for each choice that is asked for.

    SobanErrors are raised, asyncio events awaited. As a served model does, it keeps account however a request ends.
    """

    engine = "fake"

    def __init__(self, name: str, *plays: Sequence[Step], **model: Any) -> None:
        self.name = name
        self.plays = list(plays) or [said("안녕하세요.")]
        self.asked: list[pb.GenerateRequest] = []
        self.refuses: SobanError | None = None
        self.left = 0
        model.setdefault("state", pb.Model.STATE_READY)
        model.setdefault("context_length", 4096)
        self._model = pb.Model(name=name, **model)

    def check(self, request: pb.GenerateRequest) -> None:
        if self.refuses is not None:
            raise self.refuses

    async def generate(self, request: pb.GenerateRequest, visit: Visit) -> AsyncGenerator[ChoiceEvent, None]:
        self.asked.append(request)
        play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
        written = {index: Usage(input_tokens=5) for index in range(choice_count(request))}
        try:
            yield ChoiceEvent(0, Started(self.name))
            for step in play:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                    continue
                if isinstance(step, SobanError):
                    raise step
                for index, usage in written.items():
                    usage.output_tokens += step.tokens if isinstance(step, Piece) else 0
                    yield step if isinstance(step, ChoiceEvent) else ChoiceEvent(index, as_asked(step, request))
        finally:
            self.left += 1
            for index, usage in written.items():
                visit.record.usage += usage if index == 0 else replace(usage, input_tokens=0)

    async def model(self) -> pb.Model:
        return self._model


def as_asked(event: Event, request: pb.GenerateRequest) -> Event:
    """A copy, without log-probabilities that nobody asked for."""
    if isinstance(event, Piece):
        return replace(event, logprobs=list(event.logprobs) if request.options.logprobs else [])
    return event


@dataclass
class Answered:
    """What the caller of a target saw, up to an error."""

    visit: Visit
    events: list[ChoiceEvent] = field(default_factory=list)
    error: SobanError | None = None

    @property
    def model(self) -> str:
        (name,) = [item.event.model for item in self.events if isinstance(item.event, Started)]
        return name

    def text(self, choice: int = 0) -> str:
        return "".join(i.event.text for i in self.events if isinstance(i.event, Piece) and i.choice == choice)

    @property
    def pieces(self) -> list[Piece]:
        return [item.event for item in self.events if isinstance(item.event, Piece)]

    @property
    def ends(self) -> list[int]:
        return [item.choice for item in self.events if isinstance(item.event, Finished)]

    @property
    def steps(self) -> list[tuple[str, str]]:
        return [(step.model, step.outcome) for step in self.visit.record.steps]


async def answer(target: Target, request: pb.GenerateRequest, seconds: float | None = None) -> Answered:
    """Asks to the end."""
    deadline = None if seconds is None else time.monotonic() + seconds
    seen = Answered(Visit(deadline))
    try:
        async with aclosing(target.generate(request, seen.visit)) as events:
            async for item in events:
                seen.events.append(item)
    except SobanError as err:
        seen.error = err
    return seen


def card(strategy: str, name: str = "ko") -> RouteCard:
    return RouteCard(name, strategy, "", Timestamp(seconds=1_800_000_000))


def ask(text: str = "서울의 인구는 얼마나 되나요?", session: str = "", **options: Any) -> pb.GenerateRequest:
    message = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=text)])
    return pb.GenerateRequest(model="ko", messages=[message], session=session, options=pb.GenerationOptions(**options))
