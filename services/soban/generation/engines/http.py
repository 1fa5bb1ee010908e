"""HTTP to an engine, as every adapter speaks it: a stream of events, a question, and what goes wrong with either."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from aiohttp import (
    ClientConnectionError,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    TCPConnector,
)

from soban.generation.engine import Event, Finished, Piece, Started
from soban.generation.engines.pace import Pace, PacedReader, Patience
from soban.generation.engines.sse import EventTooLarge, SseParser
from soban.runtime.errors import EngineFailed, EngineLost, NoReplica, SobanError

_CONNECT_SECONDS = 3.0
_PROBE_SECONDS = 3.0
_KEPT_SECONDS = 15.0
_GRACE_SECONDS = 5.0
_STREAMING = ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
_ASKING = ClientTimeout(total=_PROBE_SECONDS, sock_connect=_CONNECT_SECONDS)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine is, and the key it wants; empty for none."""

    url: str
    key: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What each request to it carries."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


class Answered(NamedTuple):
    """A whole HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises EngineFailed when it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise EngineFailed("the engine answers without JSON")
        return found


Refused = Callable[[Answered], SobanError]
"""Makes the error of the contract of an answer that is not 200."""


class Reply(Protocol):
    """Collects one answer: `take` the data of each event, then `piece` is what they brought."""

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be read."""

    @property
    def complete(self) -> bool:
        """Whether the engine has said how the answer ended; what it may still tell is only its usage."""

    def take(self, data: bytes) -> None:
        """Raises EngineFailed for an event that makes no sense, and what an error event stands for."""

    def piece(self) -> Piece | None:
        """What came since the last call; None if there is nothing to show yet."""

    def rest(self) -> Piece | None:
        """As `piece`, once the answer is complete: with what was held back."""

    def finished(self) -> Finished:
        """How it ended. Raises EngineLost when it was cut off."""


def open_session(*, far: bool = False) -> ClientSession:
    """For all engines of a process. llama.cpp closes a connection after a stream, so none is used twice.

    Using one again would race with that close, and a POST that failed so cannot simply be sent again. Only to `far`
    APIs connections are kept for some seconds, since each new one costs a TLS handshake over the internet.
    """
    connector = (
        TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS) if far else TCPConnector(limit=0, force_close=True)
    )
    return ClientSession(
        connector=connector,
        headers={"Accept-Encoding": "identity", "Content-Type": "application/json"},
        auto_decompress=False,
    )


class EngineHttp:
    """`endpoint` is asked for each request, since an embedded engine moves when it restarts; it may raise NoReplica.

    `silence` is how many seconds a request may stay without a byte in answer, signs of life included; `idle` is how
    many it may stay without anything to show, with signs of life or not. `up` tells whether the engine is not known to
    be away, when 5 s without a byte are enough. Redirects are not followed: a prompt goes where the configuration says
    and nowhere else.
    """

    def __init__(
        self,
        session: ClientSession,
        endpoint: Callable[[], Endpoint],
        pace: Pace,
        *,
        silence: float = 60.0,
        idle: float = 300.0,
        up: Callable[[], bool] = lambda: True,
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._pace = pace
        self._patience = Patience(silence, idle, _GRACE_SECONDS, up)

    async def stream(
        self, path: str, body: Mapping[str, Any], reply: Reply, refused: Refused
    ) -> AsyncGenerator[Event, None]:
        """POSTs `body` and yields Started, what `reply` makes of the events that come, Finished. Raises SobanError."""
        encoded = json.dumps(body, ensure_ascii=False).encode()
        endpoint = self._endpoint()
        with _engine_errors():
            async with await self._accepted(endpoint, path, encoded, refused) as response:
                yield Started()
                async for event in self._events(response, reply):
                    yield event

    async def get(self, path: str) -> Answered:
        """Whatever the answer is. Raises EngineLost and NoReplica when there is none."""
        return await self._ask("GET", path, None)

    async def post(self, path: str, body: Mapping[str, Any]) -> Answered:
        """As `get`."""
        return await self._ask("POST", path, json.dumps(body, ensure_ascii=False).encode())

    async def _accepted(self, endpoint: Endpoint, path: str, body: bytes, refused: Refused) -> ClientResponse:
        """The answer, of which nothing is read yet. Its headers come before the prompt is read, its error at once."""
        async with asyncio.timeout(self._patience.silence):
            response = await self._session.post(
                endpoint.url + path, data=body, headers=endpoint.headers, timeout=_STREAMING, allow_redirects=False
            )
            if response.status == 200:
                return response
            async with response:
                told = await response.read()
                # Some servers quote a key that they refuse, and a refusal goes to the caller.
                told = told.replace(endpoint.key.encode(), b"***") if endpoint.key else told
                raise refused(Answered(response.status, told, response.headers))

    async def _events(self, response: ClientResponse, reply: Reply) -> AsyncGenerator[Event, None]:
        parser = SseParser()
        with self._pace.reading(response, self._patience) as reader:
            while not reply.ended and (received := await _next(reader, reply)):
                for data in parser.feed(received):
                    reply.take(data)
                    if reply.ended:
                        break
                if (piece := reply.piece()) is not None:
                    yield piece
                    reader.sent()
        # Of an answer that was cut off nothing more is shown: what follows it elsewhere may not begin like that.
        if reply.complete and (piece := reply.rest()) is not None:
            yield piece
        yield reply.finished()

    async def _ask(self, method: str, path: str, body: bytes | None) -> Answered:
        endpoint = self._endpoint()
        with _engine_errors():
            async with self._session.request(
                method, endpoint.url + path, data=body, headers=endpoint.headers, timeout=_ASKING, allow_redirects=False
            ) as response:
                return Answered(response.status, await response.read(), response.headers)


async def _next(reader: PacedReader, reply: Reply) -> bytes:
    """As `PacedReader.read`; a connection that breaks after the answer has only taken its usage along."""
    try:
        return await reader.read()
    except (ClientError, EngineLost):
        if not reply.complete:
            raise
        return b""


@contextlib.contextmanager
def _engine_errors() -> Iterator[None]:
    """What aiohttp raises, as EngineLost; NoReplica where the engine has seen nothing.

    Causes stay out of it where they may quote an answer.
    """
    try:
        yield
    except (ClientConnectorError, ConnectionTimeoutError) as err:
        raise NoReplica(f"the engine cannot be reached ({type(err).__name__})") from err
    except ClientConnectionError as err:
        raise EngineLost(f"the connection to the engine broke ({type(err).__name__})") from err
    except EventTooLarge:
        raise EngineFailed("the engine sent an event that is too large") from None
    except ClientError as err:
        raise EngineLost(f"the engine's answer could not be read ({type(err).__name__})") from None
    except TimeoutError as err:
        raise EngineLost("the engine did not answer in time") from err
