"""Server-sent events: what the flow yields as OpenAI's chunks. The pieces of text are the hot path."""

from __future__ import annotations

import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

import soban.v1 as pb
from soban.gateway.openai import errors
from soban.gateway.openai.answers import FINISH_REASONS, extension_of, marking_of, usage_of
from soban.gateway.openai.request import AI_GENERATED, CALL, ERROR

DONE = b"data: [DONE]\n\n"
HEADERS = {
    AI_GENERATED: "true",
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    # Proxies such as nginx hold a stream back by default.
    "X-Accel-Buffering": "no",
}

# Readers that split lines as Python's str does would cut an event at these; JSON lets them stand raw.
_LINE_BREAKS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def json_text(value: Any) -> str:
    """JSON without a line break of any kind; Korean stands as it is."""
    text = _encode(value)
    if not text.isascii():
        for sign, escape in _LINE_BREAKS.items():
            text = text.replace(sign, escape)
    return text


class Chunks(ABC):
    """Writes the chunks of one stream. What is the same in all of them is written once."""

    object_name: str
    id_prefix: str

    def __init__(self, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._head = ""
        self._ends: list[pb.ChatFinish] = []

    @abstractmethod
    def begin(self) -> dict[str, Any]:
        """Fields of a choice's first chunk, which has no text yet."""

    @abstractmethod
    def text(self, delta: pb.ChatDelta) -> str:
        """Fields of a piece that is only text, as the inside of a JSON object."""

    @abstractmethod
    def piece(self, delta: pb.ChatDelta) -> dict[str, Any]:
        """Fields of any piece."""

    @abstractmethod
    def end(self, finish: pb.ChatFinish, summary: pb.ChatSummary) -> dict[str, Any]:
        """Fields of a choice's last chunk."""

    def start(self, start: pb.ChatStart, choices: int) -> bytes:
        """Begins every choice, and says that a machine writes."""
        common = {
            "id": self.id_prefix + start.id,
            "object": self.object_name,
            "created": start.create_time.seconds,
            "model": start.model,
        }
        if self._include_usage:
            common["usage"] = None
        self._head = f'data: {json_text(common)[:-1]},"choices":['
        marking = {"soban": marking_of(start)}
        return b"".join(
            self._chunk(index, {**self.begin(), "finish_reason": None}, marking) for index in range(choices)
        )

    def delta(self, delta: pb.ChatDelta) -> bytes:
        """More of a choice."""
        if delta.text and not (delta.reasoning or delta.tool_calls or delta.logprobs or delta.resumed):
            return f'{self._head}{{"index":{delta.index},{self.text(delta)},"finish_reason":null}}]}}\n\n'.encode()
        more = {"soban": {"resumed": True}} if delta.resumed else None
        return self._chunk(delta.index, {**self.piece(delta), "finish_reason": None}, more)

    def finish(self, finish: pb.ChatFinish) -> bytes:
        """Nothing yet: the last chunk of a choice tells what only the summary knows."""
        self._ends.append(finish)
        return b""

    def summary(self, summary: pb.ChatSummary) -> bytes:
        """Ends every choice, the last one with the `soban` object, and the stream."""
        chunks = []
        for finish in self._ends:
            fields = {**self.end(finish, summary), "finish_reason": FINISH_REASONS[finish.finish_reason]}
            more = {"soban": extension_of(summary)} if finish is self._ends[-1] else {}
            chunks.append(self._chunk(finish.index, fields, more))
        if self._include_usage:
            head = self._head.replace('"usage":null', f'"usage":{json_text(usage_of(summary))}')
            chunks.append(f"{head}]}}\n\n".encode())
        return b"".join([*chunks, DONE])

    def _chunk(self, index: int, fields: dict[str, Any], more: dict[str, Any] | None = None) -> bytes:
        choice = json_text({"index": index, **fields})
        rest = f",{json_text(more)[1:-1]}" if more else ""
        return f"{self._head}{choice}]{rest}}}\n\n".encode()


def render(event: pb.StreamChatResponse, chunks: Chunks, choices: int) -> bytes:
    """The bytes of one event; most are deltas."""
    if event.HasField("delta"):
        return chunks.delta(event.delta)
    if event.HasField("finish"):
        return chunks.finish(event.finish)
    if event.HasField("start"):
        return chunks.start(event.start, choices)
    return chunks.summary(event.summary)


async def stream(
    request: web.Request, events: AsyncGenerator[pb.StreamChatResponse, None], chunks: Chunks, choices: int
) -> web.StreamResponse:
    """Writes `events` as they come, each at once. Raises SobanError only while no byte has gone out.

    A later error is an event of its own, and the last one: no `[DONE]` follows.
    """
    async with contextlib.aclosing(events):
        first = await anext(events)
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        await response.write(render(first, chunks, choices))
        last = b""
        try:
            async for event in events:
                if event.HasField("summary"):
                    last = render(event, chunks, choices)
                elif data := render(event, chunks, choices):
                    await response.write(data)
        except ConnectionError:
            raise
        except Exception as err:  # noqa: BLE001 - the status is out, so an event has to tell
            error = errors.told(err, request[CALL])
            request[ERROR] = error.reason
            last = f"data: {json_text(errors.as_object(error))}\n\n".encode()
        await response.write_eof(last)
    return response
