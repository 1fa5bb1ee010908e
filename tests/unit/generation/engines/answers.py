"""An adapter in front of a fake engine, and what it answers."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

import soban.v1 as pb
from soban.generation.engine import Engine, EngineRequest, Event, Finished, Piece
from soban.generation.engines.context import EngineContext
from soban.generation.engines.http import Endpoint, EngineHttp, Reply, open_session
from soban.generation.engines.pace import Pace
from soban.generation.engines.sse import SseParser
from soban.runtime.model_settings import ModelConfig
from unit.generation.conftest import ask
from unit.generation.cutting import pieces_of
from unit.generation.engines.fakes.playback import Playback

E = TypeVar("E", bound=Engine)

SYLLABLES = "".join(map(chr, range(0xAC00, 0xD7A4)))
"""All 11,172 of modern Hangul."""


@contextlib.asynccontextmanager
async def adapter(
    make: Callable[[EngineContext], E],
    fake: Playback,
    config: ModelConfig,
    *,
    model: str = "",
    base: str = "",
    silence: float = 30.0,
    key: Callable[[], str] = lambda: "",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[E]:
    """`base` is the path of its address."""
    async with fake.running(tls) as url, open_session() as session:
        http = EngineHttp(session, lambda: Endpoint(url + base, key()), Pace(0.0, 1e9), silence=silence)
        yield make(EngineContext(http, model, config))


async def events_of(engine: Engine, request: pb.GenerateRequest | None = None, seed: int | None = None) -> list[Event]:
    """A whole answer."""
    async with aclosing(engine.generate(EngineRequest(request or ask(), seed))) as events:
        return [event async for event in events]


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Piece))


def tokens_of(events: Sequence[Event]) -> int:
    return sum(event.tokens for event in events if isinstance(event, Piece))


def end_of(events: Sequence[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def cut(stream: bytes, every: int) -> list[bytes]:
    """In parts of so many bytes, which cut characters in two and three."""
    return pieces_of(stream, range(every, len(stream), every))


def read_through(answer: Reply, stream: bytes, cuts: Sequence[int]) -> tuple[str, Finished]:
    """The text and the end of a stream that arrives cut at `cuts`, as the adapter reads it."""
    parser, text = SseParser(), ""
    for part in pieces_of(stream, cuts):
        for data in parser.feed(part):
            answer.take(data)
        text += piece.text if (piece := answer.piece()) else ""
    text += piece.text if (piece := answer.rest()) else ""
    return text, answer.finished()
