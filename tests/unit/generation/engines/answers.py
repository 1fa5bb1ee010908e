"""An adapter in front of a fake engine, and what it answers."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pytest

import soban.v1 as pb
from soban.generation.engine import Engine, EngineRequest, Event, Finished, Piece
from soban.generation.engines.context import EngineContext
from soban.generation.engines.http import Endpoint, EngineHttp, Reply, open_session
from soban.generation.engines.pace import Pace
from soban.generation.engines.sse import SseParser
from soban.runtime.errors import SobanError
from soban.runtime.model_settings import ModelConfig
from unit.generation.conftest import ask
from unit.generation.cutting import pieces_of
from unit.generation.engines.fakes.playback import Playback, Script, refusal, stream

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
        yield make(EngineContext(http, "ko", model, config))


async def events_of(engine: Engine, request: pb.GenerateRequest | None = None, seed: int | None = None) -> list[Event]:
    """A whole answer."""
    async with aclosing(engine.generate(EngineRequest(request or ask(), seed))) as events:
        return [event async for event in events]


@dataclass(frozen=True)
class Bench(Generic[E]):
    """A kind of engine: its adapter, and the fake that it is tried in front of."""

    make: Callable[[EngineContext], E]
    fake: Callable[..., Playback]
    """Given scripts."""
    config: ModelConfig
    model: str
    base: str = ""

    def before(self, server: Playback, **given: Any) -> AbstractAsyncContextManager[E]:
        """The adapter in front of that server, which is another one than the bench's where `given` says so."""
        settings = {"config": self.config, "model": self.model, "base": self.base, **given}
        return adapter(self.make, server, **settings)

    async def answer(self, script: Script, request: pb.GenerateRequest | None = None) -> list[Event]:
        """What the adapter makes of it."""
        async with self.before(self.fake(script)) as engine:
            return await events_of(engine, request)

    async def body_of(self, request: pb.GenerateRequest, seed: int | None = None) -> dict[str, Any]:
        """What the server is sent."""
        server = self.fake()
        async with self.before(server) as engine:
            engine.check(request)
            await events_of(engine, request, seed)
        return server.asked[-1].body

    async def error_of(self, script: Script, request: pb.GenerateRequest | None = None) -> SobanError:
        """What the caller gets."""
        with pytest.raises(SobanError) as caught:
            await self.answer(script, request)
        return caught.value

    async def refusals(
        self, status: int, body: bytes, event: bytes, request: pb.GenerateRequest
    ) -> set[tuple[type[SobanError], str | None]]:
        """Class and field of an error: before the stream as a status, in it as an event unless that is empty."""
        scripts = [refusal(status, body), *([stream(event)] if event else [])]
        errors = [await self.error_of(script, request) for script in scripts]
        return {(type(error), error.field) for error in errors}


def raw(prompt: str = "수도는", **options: Any) -> pb.GenerateRequest:
    return pb.GenerateRequest(prompt=prompt, options=pb.GenerationOptions(**options))


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
