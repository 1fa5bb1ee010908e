"""Adapter to SGLang's server. Its words are those of python/sglang/srt/entrypoints (0.4.6 to 2026)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Event, Feature, Reading
from soban.generation.engines import openai_errors
from soban.generation.engines.context import EngineContext
from soban.generation.engines.openai_api import OpenAiApi
from soban.generation.engines.openai_errors import Refusal, number, refusal_of
from soban.generation.engines.openai_models import ServedModel
from soban.generation.engines.openai_request import OPENAI_OPTIONS, Dialect, response_format
from soban.generation.engines.openai_room import Room
from soban.generation.engines.support import require_support
from soban.runtime.errors import EngineFailed, SobanError

# Newer name first; old versions know only the second.
_MODEL_INFO = ("/model_info", "/get_model_info")
_SERVER_INFO = ("/server_info", "/get_server_info")


def _shape(shape: pb.ResponseFormat) -> dict[str, Any]:
    """For text completions, older versions take a schema as text only."""
    kind = shape.WhichOneof("format")
    if kind == "regex":
        return {"regex": shape.regex}
    if kind == "grammar":
        return {"ebnf": shape.grammar}
    if kind == "json_object":
        return {**response_format(shape), "json_schema": '{"type": "object"}'}
    if kind == "json_schema":
        return {**response_format(shape), "json_schema": shape.json_schema}
    return {}


DIALECT = Dialect(
    engine="sglang",
    options={
        **OPENAI_OPTIONS,
        "top_k": "top_k",
        "min_p": "min_p",
        "repetition_penalty": "repetition_penalty",
    },
    # As for vLLM: tokens are then exact whenever an answer ends.
    always={"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
    continuation={"continue_final_message": True},
    shape=_shape,
    top_k_unlimited=-1,
    seeds=2**31,
)


def error_of(refusal: Refusal, request: pb.GenerateRequest) -> SobanError:
    """As `ErrorOf`: an adapter that it does not have is a bad request to SGLang."""
    if "lora adapter that has never been loaded" in refusal.words:
        return EngineFailed("the engine has not loaded this adapter")
    return openai_errors.error_of(refusal, request)


class SgLang:
    """Speaks with the SGLang server of `context`."""

    support = frozenset(Feature)

    def __init__(self, context: EngineContext) -> None:
        self._http = context.http
        self._api = OpenAiApi(context.http, DIALECT, error=error_of)
        self._model = ServedModel(self._api, context.model)
        # SGLang refuses a request that would fill its context to the last token.
        self._room = Room(context.http, self._model, spare=1)

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Engine.check`."""
        require_support(DIALECT.engine, self.support, request)
        DIALECT.body(request, None)

    async def generate(self, asked: EngineRequest) -> AsyncGenerator[Event, None]:
        """As `Engine.generate`."""
        model = await self._model.name()
        beside: dict[str, Any] = await self._room.limit(asked.request)
        if asked.adapter:
            beside["lora_path"] = asked.adapter
        async with aclosing(self._api.generate(asked, model, beside)) as events:
            async for event in events:
                yield event

    async def describe(self) -> Description:
        """As `Engine.describe`."""
        listed = await self._model.listed()
        model, server = await self._first_of(_MODEL_INFO), await self._first_of(_SERVER_INFO)
        path = str(model.get("model_path") or "")
        return Description(
            models=tuple(dict.fromkeys([*listed.names, *([path] if path else [])])),
            context_length=listed.context_length,
            slots=_slots(server),
            lacks=_lacks(model),
            adapters=listed.adapters,
            version=str(server.get("version") or ""),
        )

    async def healthy(self) -> bool:
        """As `Engine.healthy`: SGLang has a token made for it, unless told otherwise."""
        return await self._api.answers("/health")

    async def read_load(self) -> Reading:
        """As `Engine.read_load`; a server without `--enable-metrics` tells nothing."""
        return await self._api.read_load()

    async def load_adapter(self, name: str, path: str) -> None:
        """As `Engine.load_adapter`; needs a server with `--enable-lora`."""
        answered = await self._http.post("/load_lora_adapter", {"lora_name": name, "lora_path": path})
        refusal = refusal_of(answered)
        if answered.status != 200 and "already loaded" not in refusal.words:
            raise error_of(refusal, pb.GenerateRequest())

    async def _first_of(self, paths: tuple[str, ...]) -> dict[str, Any]:
        """What the first of these pages says that is there; nothing when none is."""
        for path in paths:
            try:
                return await self._api.get(path)
            except SobanError:
                continue
        return {}


def _lacks(model: Mapping[str, Any]) -> frozenset[Feature]:
    """Without a parser it makes no calls of what a model writes."""
    told = {
        Feature.TOOLS: not model.get("tool_call_parser", True),
        Feature.IMAGES: model.get("has_image_understanding") is False,
    }
    return frozenset(feature for feature, lacking in told.items() if lacking)


def _slots(server: Mapping[str, Any]) -> int | None:
    """Sequences at once, over all ranks: what memory allows, where a version tells that, else what was configured."""
    states = server.get("internal_states") or ()
    told = [number(state.get("effective_max_running_requests_per_dp"), 0) for state in states]
    return sum(told) or number(server.get("max_running_requests"), 0) or None
