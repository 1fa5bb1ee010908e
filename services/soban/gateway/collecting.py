"""A stream of events as one message."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterable

import soban.v1 as pb


async def collect(events: AsyncGenerator[pb.StreamChatResponse, None]) -> pb.ChatResponse:
    """Reads `events` to their end, and closes them on every way out."""
    whole = _Whole()
    async with contextlib.aclosing(events):
        async for event in events:
            whole.take(event)
    return whole.response()


class _Whole:
    """What has come so far."""

    def __init__(self) -> None:
        self._start = pb.ChatStart()
        self._summary = pb.ChatSummary()
        self._choices: dict[int, _Choice] = {}

    def take(self, event: pb.StreamChatResponse) -> None:
        kind = event.WhichOneof("event")
        if kind == "delta":
            self._choice(event.delta.index).take(event.delta)
        elif kind == "finish":
            self._choice(event.finish.index).finish = event.finish
        elif kind == "start":
            self._start = event.start
        elif kind == "summary":
            self._summary = event.summary

    def response(self) -> pb.ChatResponse:
        return pb.ChatResponse(
            id=self._start.id,
            model=self._start.model,
            create_time=self._start.create_time,
            choices=[choice.whole(index) for index, choice in sorted(self._choices.items())],
            summary=self._summary,
            ai_generated=self._start.ai_generated,
            ai_notice=self._start.ai_notice,
        )

    def _choice(self, index: int) -> _Choice:
        return self._choices.setdefault(index, _Choice())


class _Choice:
    """One answer in pieces."""

    def __init__(self) -> None:
        self.finish = pb.ChatFinish()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, pb.ToolCall] = {}
        self._logprobs: list[pb.TokenLogprob] = []

    def take(self, delta: pb.ChatDelta) -> None:
        self._text.append(delta.text)
        self._reasoning.append(delta.reasoning)
        self._logprobs.extend(delta.logprobs)
        self._take_calls(delta.tool_calls)

    def whole(self, index: int) -> pb.ChatChoice:
        text = "".join(self._text)
        calls = [call for _, call in sorted(self._calls.items())]
        parts = [pb.ContentPart(text=text)] if text or not calls else []
        return pb.ChatChoice(
            index=index,
            message=pb.Message(role=pb.ROLE_ASSISTANT, parts=parts, tool_calls=calls),
            finish_reason=self.finish.finish_reason,
            stop_sequence=self.finish.stop_sequence,
            reasoning="".join(self._reasoning),
            logprobs=self._logprobs,
        )

    def _take_calls(self, pieces: Iterable[pb.ToolCallDelta]) -> None:
        for piece in pieces:
            call = self._calls.setdefault(piece.index, pb.ToolCall())
            call.id = call.id or piece.id
            call.name = call.name or piece.name
            call.arguments += piece.arguments
