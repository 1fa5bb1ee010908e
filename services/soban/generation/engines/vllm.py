"""Adapter to vLLM's OpenAI server. Its words are those of vllm/entrypoints/openai (0.6 to 2026)."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Event, Feature, Reading
from soban.generation.engines.context import EngineContext
from soban.generation.engines.openai_api import OpenAiApi
from soban.generation.engines.openai_errors import error_of, refusal_of
from soban.generation.engines.openai_models import ServedModel
from soban.generation.engines.openai_request import OPENAI_OPTIONS, Dialect, response_format
from soban.generation.engines.openai_room import Room
from soban.generation.engines.support import not_built, require_support


def _shape(shape: pb.ResponseFormat) -> dict[str, Any]:
    kind = shape.WhichOneof("format")
    if kind in ("regex", "grammar"):
        return {"structured_outputs": {kind: getattr(shape, kind)}}
    return response_format(shape)


def _old_shape(shape: pb.ResponseFormat) -> dict[str, Any]:
    """Regular expressions and grammars under both names: 0.10.2 brought the new ones, 0.12 took the old ones away.

    A field that a version does not know it passes over, so that with one name alone some would answer in no shape.
    """
    told = _shape(shape)
    return told | {f"guided_{kind}": text for kind, text in told.get("structured_outputs", {}).items()}


DIALECT = Dialect(
    engine="vllm",
    options={
        **OPENAI_OPTIONS,
        "top_k": "top_k",
        "min_p": "min_p",
        "repetition_penalty": "repetition_penalty",
    },
    # With its usage in each event, tokens that bring no text yet are counted when they do, and an answer that ends
    # early has its exact usage.
    always={"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
    continuation={"continue_final_message": True, "add_generation_prompt": False},
    shape=_shape,
    logprobs={"return_tokens_as_token_ids": True},
    top_k_unlimited=-1,
)

_OLD_DIALECT = replace(DIALECT, shape=_old_shape)
_VERSION = re.compile(r"(\d+)\.(\d+)")
_WITHOUT_GUIDED = (0, 12)


class Vllm:
    """Speaks with the vLLM server of `context`."""

    support = frozenset(Feature)

    def __init__(self, context: EngineContext) -> None:
        self._http = context.http
        # Until it has told its version.
        self._api = OpenAiApi(context.http, _OLD_DIALECT)
        self._model = ServedModel(self._api, context.model)
        self._room = Room(context.http, self._model)

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Engine.check`."""
        require_support(DIALECT.engine, self.support, request)
        DIALECT.body(request, None)

    async def generate(self, asked: EngineRequest) -> AsyncGenerator[Event, None]:
        """As `Engine.generate`. To vLLM an adapter is a model of its own name."""
        model = asked.adapter or await self._model.name()
        async with aclosing(self._api.generate(asked, model, await self._room.limit(asked.request))) as events:
            async for event in events:
                yield event

    async def describe(self) -> Description:
        """As `Engine.describe`; how many sequences it works on at once (`--max-num-seqs`) it does not say."""
        listed = await self._model.listed()
        version = str((await self._api.get("/version")).get("version") or "")
        self._api = OpenAiApi(self._http, _dialect_of(version))
        return Description(
            models=listed.names,
            context_length=listed.context_length,
            adapters=listed.adapters,
            version=version,
        )

    async def healthy(self) -> bool:
        """As `Engine.healthy`."""
        return await self._api.answers("/health")

    async def read_load(self) -> Reading:
        """As `Engine.read_load`."""
        return await self._api.read_load()

    async def load_adapter(self, name: str, path: str) -> None:
        """As `Engine.load_adapter`; vLLM has the way only with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True."""
        answered = await self._http.post("/v1/load_lora_adapter", {"lora_name": name, "lora_path": path})
        if answered.status == 200:
            return
        refusal = refusal_of(answered)
        if "already been loaded" in refusal.words:
            return
        if answered.status in (404, 405) and "model" not in refusal.words and name.lower() not in refusal.words:
            raise not_built(DIALECT.engine, Feature.ADAPTER_LOADING, needs="VLLM_ALLOW_RUNTIME_LORA_UPDATING")
        raise error_of(refusal, pb.GenerateRequest())


def _dialect_of(version: str) -> Dialect:
    """What cannot be read, as of a build from source, may be old."""
    found = _VERSION.match(version)
    new = found is not None and tuple(map(int, found.groups())) >= _WITHOUT_GUIDED
    return DIALECT if new else _OLD_DIALECT
