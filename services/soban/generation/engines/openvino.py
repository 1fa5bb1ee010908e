"""Adapter to OpenVINO Model Server (`ovms`), which serves models on Intel's CPUs, GPUs and NPUs.

Field names and ranges are those of src/llm/apis/openai_api_handler.cpp and openai_completions.cpp of
openvinotoolkit/model_server (2026).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from types import MappingProxyType
from typing import Any

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Event, Feature, Reading
from soban.generation.engines.context import EngineContext
from soban.generation.engines.counted import CountedAnswer
from soban.generation.engines.metrics import read_metrics
from soban.generation.engines.openai_api import OpenAiApi
from soban.generation.engines.openai_request import OPENAI_OPTIONS, Dialect, response_format
from soban.generation.engines.openvino_errors import error_of
from soban.generation.engines.support import needed, not_built, require_support
from soban.generation.prompt_size import PromptSize
from soban.runtime.errors import EngineFailed, SobanError

_SHAPES = frozenset({Feature.JSON_OBJECT, Feature.JSON_SCHEMA, Feature.REGEX, Feature.GRAMMAR})
_MISSING = frozenset(
    {Feature.CONTINUATION, Feature.LOGPROBS, Feature.LOGIT_BIAS, Feature.ADAPTERS, Feature.ADAPTER_LOADING}
)
_ANY_OBJECT = '{"type":"object"}'


def _shape(shape: pb.ResponseFormat) -> dict[str, Any]:
    """What is sent becomes the `format` of a structural tag of XGrammar, which knows no `json_object`.

    Its grammars are in GBNF, as those of the contract.
    """
    kind = shape.WhichOneof("format")
    if kind == "regex":
        return {"response_format": {"type": "regex", "pattern": shape.regex}}
    if kind == "grammar":
        return {"response_format": {"type": "grammar", "grammar": shape.grammar}}
    return response_format(pb.ResponseFormat(json_schema=_ANY_OBJECT) if kind == "json_object" else shape)


DIALECT = Dialect(
    engine="openvino",
    options=MappingProxyType(
        {**OPENAI_OPTIONS, "top_k": "top_k", "min_p": "min_p", "repetition_penalty": "repetition_penalty"}
    ),
    shape=_shape,
    top_k_unlimited=-1,
    seeds=2**32,
    chat_path="/v3/chat/completions",
    completion_path="/v3/completions",
)


class OpenVino:
    """Speaks with the model server of `context`.

    It tells no log-probabilities in streams, which every answer is here, and continues no message.
    """

    support = frozenset(Feature) - _MISSING

    def __init__(self, context: EngineContext) -> None:
        reply = partial(CountedAnswer, size=PromptSize())
        self._api = OpenAiApi(context.http, DIALECT, reply, error_of)
        self._http = context.http
        self._model = context.model

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Engine.check`. A shape is read over in completions, so it is refused there."""
        require_support(DIALECT.engine, self.support, request)
        for feature in needed(request):
            if request.prompt and feature in _SHAPES:
                raise not_built(DIALECT.engine, feature, beside="prompt")
        DIALECT.body(request, None)

    async def generate(self, asked: EngineRequest) -> AsyncGenerator[Event, None]:
        """As `Engine.generate`."""
        if asked.adapter:
            raise not_built(DIALECT.engine, Feature.ADAPTERS, adapter=asked.adapter)
        async with aclosing(self._api.generate(asked, await self._name())) as events:
            async for event in events:
                yield event

    async def describe(self) -> Description:
        """As `Engine.describe`: it tells the names of its models, and nothing of their sizes."""
        available = [name for name, loaded in (await self._loaded()).items() if loaded]
        return Description(models=tuple(available), version=await self._version())

    async def healthy(self) -> bool:
        """As `Engine.healthy`. The server is ready before its models are, and stays so when one of them fails.

        One that has other models only is healthy, too: `describe` tells what it has.
        """
        if not await self._api.answers("/v2/health/ready"):
            return False
        try:
            loaded = await self._loaded()
        except SobanError:
            return False
        return loaded.get(self._model, any(loaded.values()))

    async def read_load(self) -> Reading:
        """As `Engine.read_load`; a server without `--metrics_enable` has no such page, and says so with 400."""
        page = await self._http.get("/metrics")
        return read_metrics(DIALECT.engine, page.body.decode(errors="replace")) if page.status == 200 else Reading()

    async def load_adapter(self, name: str, path: str) -> None:
        """As `Engine.load_adapter`."""
        raise not_built(DIALECT.engine, Feature.ADAPTER_LOADING, adapter=name, path=path)

    async def _name(self) -> str:
        """The model's name, which every request must carry: the only one where none is configured."""
        if not self._model:
            names = [name for name, loaded in (await self._loaded()).items() if loaded]
            if len(names) != 1:
                raise EngineFailed(f"the engine has {len(names)} models: set engineModel")
            self._model = names[0]
        return self._model

    async def _loaded(self) -> Mapping[str, bool]:
        """Every model, and whether it can be asked."""
        told = await self._api.get("/v1/config")
        try:
            return {
                name: any(version["state"] == "AVAILABLE" for version in model["model_version_status"])
                for name, model in told.items()
            }
        except (KeyError, TypeError) as err:
            raise EngineFailed("the engine does not list its models as OpenVINO Model Server does") from err

    async def _version(self) -> str:
        try:
            return str((await self._api.get("/v2")).get("version", ""))
        except SobanError:
            return ""
