"""Adapter to llama.cpp's server: the embedded one, an upstream `llama.cpp:server` image, or one of our own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Event, Feature, Reading
from soban.generation.engines.http import Answered, EngineHttp
from soban.generation.engines.llamacpp_errors import error_of
from soban.generation.engines.llamacpp_events import Answer
from soban.generation.engines.llamacpp_request import body_of, path_of
from soban.runtime.errors import EngineLost, NotBuilt, SobanError


class LlamaCpp:
    """Speaks with the llama.cpp server behind `http`."""

    support = frozenset(Feature) - {Feature.IMAGES, Feature.REGEX, Feature.ADAPTERS, Feature.ADAPTER_LOADING}

    def __init__(self, http: EngineHttp) -> None:
        self._http = http

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Engine.check`."""
        body_of(request, None)

    async def generate(self, asked: EngineRequest) -> AsyncGenerator[Event, None]:
        """As `Engine.generate`."""
        request = asked.request

        def refused(answered: Answered) -> SobanError:
            return error_of(request, answered.status, answered.body, answered.headers.get("Retry-After"))

        events = self._http.stream(path_of(request), body_of(request, asked.seed), Answer(request), refused)
        async with aclosing(events):
            async for event in events:
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

    async def read_load(self) -> Reading:
        """As `Engine.read_load`."""
        return Reading()

    async def load_adapter(self, name: str, path: str) -> None:
        """As `Engine.load_adapter`."""
        raise NotBuilt("engine llamacpp loads adapters at its start only", metadata={"adapter": name, "path": path})

    async def _ask(self, path: str) -> dict[str, Any]:
        answered = await self._http.get(path)
        if answered.status != 200:
            raise error_of(pb.GenerateRequest(), answered.status, answered.body)
        return answered.json()
