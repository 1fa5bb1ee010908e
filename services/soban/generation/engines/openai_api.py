"""What every engine with an OpenAI API is asked in the same way. An adapter has one of these and says what differs."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import soban.v1 as pb
from soban.generation.engine import EngineRequest, Event, Reading
from soban.generation.engines.http import Answered, EngineHttp, Reply
from soban.generation.engines.metrics import read_metrics
from soban.generation.engines.openai_errors import ErrorOf, error_of, refusal_of
from soban.generation.engines.openai_events import Answer
from soban.generation.engines.openai_request import Dialect
from soban.runtime.errors import EngineFailed, SobanError

_NO_SUCH_PAGE = (404, 405, 501)

MakeReply = Callable[[pb.GenerateRequest, ErrorOf], Reply]


class OpenAiApi:
    """The API behind `http`, spoken in `dialect`."""

    def __init__(
        self, http: EngineHttp, dialect: Dialect, reply: MakeReply = Answer, error: ErrorOf = error_of
    ) -> None:
        self._http = http
        self._dialect = dialect
        self._reply = reply
        self._error = error

    async def generate(
        self, asked: EngineRequest, model: str, beside: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Event, None]:
        """One answer of `model`, as `Engine.generate`; `beside` is laid over the body."""
        request = asked.request

        def refused(answered: Answered) -> SobanError:
            return self._error(refusal_of(answered), request)

        body = self._dialect.body(request, asked.seed, model)
        if beside:
            body |= beside
        events = self._http.stream(self._dialect.path(request), body, self._reply(request, self._error), refused)
        async with aclosing(events):
            async for event in events:
                yield event

    async def get(self, path: str) -> dict[str, Any]:
        """What a question is answered. Raises SobanError when it is not."""
        return self._said(await self._http.get(path)).json()

    async def array(self, path: str) -> list[Any]:
        """As `get`, where the answer is a list."""
        try:
            found = json.loads(self._said(await self._http.get(path)).body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list):
            raise EngineFailed("the engine answers without a list")
        return found

    async def post(self, path: str, body: Mapping[str, Any]) -> Answered:
        """As `get`; some answers are no JSON."""
        return self._said(await self._http.post(path, body))

    async def answers(self, path: str) -> bool:
        """Whether a question is answered 200."""
        try:
            return (await self._http.get(path)).status == 200
        except SobanError:
            return False

    async def read_load(self) -> Reading:
        """As `Engine.read_load`, from `/metrics`; a server that has no such page tells nothing."""
        answered = await self._http.get("/metrics")
        if answered.status in _NO_SUCH_PAGE:
            return Reading()
        return read_metrics(self._dialect.engine, self._said(answered).body.decode(errors="replace"))

    def _said(self, answered: Answered) -> Answered:
        if answered.status != 200:
            raise self._error(refusal_of(answered), pb.GenerateRequest())
        return answered
