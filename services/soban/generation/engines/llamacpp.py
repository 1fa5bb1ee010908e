"""Adapter to llama.cpp's server: the embedded one, an upstream `llama.cpp:server` image, or one of our own."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientConnectionError, ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector

import soban.v1 as pb
from soban.generation.engine import Description, Event, Started
from soban.generation.engines.llamacpp_errors import error_of
from soban.generation.engines.llamacpp_events import Answer
from soban.generation.engines.llamacpp_request import body_of, path_of
from soban.generation.engines.pace import Pace
from soban.generation.engines.sse import EventTooLarge, SseParser
from soban.runtime.errors import EngineLost, SobanError

_CONNECT_SECONDS = 3.0
_PROBE_SECONDS = 3.0
_STREAMING = ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
_ASKING = ClientTimeout(total=_PROBE_SECONDS, sock_connect=_CONNECT_SECONDS)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a llama.cpp server is, and the key it wants; empty for none."""

    url: str
    key: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What each request to it carries."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


def open_session() -> ClientSession:
    """For all engines of a process. llama.cpp closes a connection after a stream, so none is used twice.

    Using one again would race with that close, and a POST that failed so cannot simply be sent again.
    """
    return ClientSession(
        connector=TCPConnector(limit=0, force_close=True),
        headers={"Accept-Encoding": "identity", "Content-Type": "application/json"},
        auto_decompress=False,
    )


class LlamaCpp:
    """`endpoint` is asked for each request, since an embedded engine moves when it restarts; it may raise NoReplica.

    `silence` is how many seconds a request may stay without a byte in answer, signs of life included.
    """

    def __init__(
        self, session: ClientSession, endpoint: Callable[[], Endpoint], pace: Pace, silence: float = 60.0
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._pace = pace
        self._silence = silence

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Engine.check`."""
        body_of(request, None)

    async def generate(self, request: pb.GenerateRequest, seed: int | None) -> AsyncGenerator[Event, None]:
        """As `Engine.generate`."""
        body = json.dumps(body_of(request, seed), ensure_ascii=False).encode()
        endpoint = self._endpoint()
        with _engine_errors():
            async with await self._accepted(request, endpoint, body) as response:
                yield Started()
                async for event in self._answer(request, response):
                    yield event

    async def describe(self) -> Description:
        """As `Engine.describe`."""
        props = await self._ask("/props")
        try:
            return Description(
                context_length=props["default_generation_settings"]["n_ctx"],
                slots=props["total_slots"],
                tools=bool(props.get("chat_template_caps", {}).get("supports_tools", False)),
            )
        except (KeyError, TypeError) as err:
            raise EngineLost("the engine does not describe itself as llama.cpp does") from err

    async def healthy(self) -> bool:
        """As `Engine.healthy`."""
        try:
            return (await self._ask("/health")).get("status") == "ok"
        except SobanError:
            return False

    async def _accepted(self, request: pb.GenerateRequest, endpoint: Endpoint, body: bytes) -> ClientResponse:
        """The answer, of which nothing is read yet. Its headers come before the prompt is read, its error at once."""
        async with asyncio.timeout(self._silence):
            response = await self._session.post(
                endpoint.url + path_of(request), data=body, headers=endpoint.headers, timeout=_STREAMING
            )
            if response.status == 200:
                return response
            async with response:
                raise error_of(request, response.status, await response.read(), response.headers.get("Retry-After"))

    async def _answer(self, request: pb.GenerateRequest, response: ClientResponse) -> AsyncGenerator[Event, None]:
        answer, parser = Answer(request), SseParser()
        with self._pace.reading(response, self._silence) as reader:
            while not answer.ended and (received := await reader.read()):
                for data in parser.feed(received):
                    answer.take(data)
                    if answer.ended:
                        break
                if (piece := answer.piece()) is not None:
                    yield piece
                    reader.sent()
        if (piece := answer.rest()) is not None:
            yield piece
        yield answer.finished()

    async def _ask(self, path: str) -> dict[str, Any]:
        endpoint = self._endpoint()
        with _engine_errors():
            async with self._session.get(endpoint.url + path, headers=endpoint.headers, timeout=_ASKING) as response:
                body = await response.read()
                if response.status != 200:
                    raise error_of(pb.GenerateRequest(), response.status, body)
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise EngineLost("the engine answers without JSON")
        return found


@contextlib.contextmanager
def _engine_errors() -> Iterator[None]:
    """What aiohttp and the parser raise, as EngineLost. Causes stay out of it where they may quote an answer."""
    try:
        yield
    except ClientConnectionError as err:
        raise EngineLost(f"the connection to the engine broke ({type(err).__name__})") from err
    except (ClientError, EventTooLarge) as err:
        raise EngineLost(f"the engine's answer could not be read ({type(err).__name__})") from None
    except TimeoutError as err:
        raise EngineLost("the engine did not answer in time") from err
