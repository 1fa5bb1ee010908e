"""Adapter to llama.cpp's server: the embedded one, an upstream `llama.cpp:server` image, or one of our own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import PurePath
from typing import Any

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Event, Feature, Reading
from soban.generation.engines.context import EngineContext
from soban.generation.engines.llamacpp_errors import error_of
from soban.generation.engines.llamacpp_events import LlamaCppAnswer
from soban.generation.engines.llamacpp_request import DIALECT
from soban.generation.engines.openai_api import OpenAiApi
from soban.generation.engines.support import not_built, require_support
from soban.runtime.errors import EngineFailed


class LlamaCpp:
    """Speaks with the llama.cpp server of `context`."""

    support = frozenset(Feature) - {Feature.REGEX, Feature.ADAPTER_LOADING}

    def __init__(self, context: EngineContext) -> None:
        self._api = OpenAiApi(context.http, DIALECT, LlamaCppAnswer, error_of)
        self._model = context.model
        self._adapters = context.config.adapters
        self._adapter_ids: Mapping[str, int] | None = None

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Engine.check`."""
        require_support(DIALECT.engine, self.support, request)
        DIALECT.body(request, None)

    async def generate(self, asked: EngineRequest) -> AsyncGenerator[Event, None]:
        """As `Engine.generate`."""
        beside = {"lora": await self._lora(asked.adapter)} if self._adapters or asked.adapter else None
        async with aclosing(self._api.generate(asked, self._model, beside)) as events:
            async for event in events:
                yield event

    async def describe(self) -> Description:
        """As `Engine.describe`."""
        props = await self._api.get("/props")
        try:
            names = [str(props.get(key) or "") for key in ("model_alias", "model_path")]
            return Description(
                models=tuple(name for name in names if name),
                context_length=props["default_generation_settings"]["n_ctx"],
                slots=props["total_slots"],
                lacks=_lacks(props),
                adapters=tuple(await self._ids()) if self._adapters else (),
                version=str(props.get("build_info") or ""),
            )
        except (KeyError, TypeError, AttributeError) as err:
            raise EngineFailed("the engine does not describe itself as llama.cpp does") from err

    async def healthy(self) -> bool:
        """As `Engine.healthy`."""
        return await self._api.answers("/health")

    async def read_load(self) -> Reading:
        """As `Engine.read_load`; a server without `--metrics` tells nothing."""
        return await self._api.read_load()

    async def load_adapter(self, name: str, path: str) -> None:
        """As `Engine.load_adapter`: llama.cpp loads adapters at its start only."""
        raise not_built(DIALECT.engine, Feature.ADAPTER_LOADING, adapter=name, path=path)

    async def _lora(self, adapter: str) -> list[dict[str, Any]]:
        """What is laid over the model: the adapter, if any, and by name none of the others.

        Without a word on adapters, or with an empty list, llama.cpp takes those of its start, and reads on in the
        cache of a slot that another adapter has filled.
        """
        ids = self._adapter_ids
        if ids is None or (adapter and adapter not in ids):
            ids = await self._ids()
        if adapter and adapter not in ids:
            raise EngineFailed("the engine has not loaded this adapter", metadata={"adapter": adapter})
        return [{"id": number, "scale": float(name == adapter)} for name, number in ids.items()]

    async def _ids(self) -> Mapping[str, int]:
        """Numbers of the loaded adapters, by name."""
        told = await self._api.array("/lora-adapters")
        try:
            loaded = {str(entry["path"]): int(entry["id"]) for entry in told}
        except (KeyError, TypeError, ValueError) as err:
            raise EngineFailed("the engine does not list its adapters as llama.cpp does") from err
        self._adapter_ids = {_name_of(path, self._adapters): number for path, number in loaded.items()}
        return self._adapter_ids


def _lacks(props: Mapping[str, Any]) -> frozenset[Feature]:
    """Old versions tell nothing of templates, and have no place for tools in them; of pictures others are not known."""
    told = {
        Feature.TOOLS: not props.get("chat_template_caps", {}).get("supports_tools"),
        Feature.IMAGES: props.get("modalities", {}).get("vision") is False,
    }
    return frozenset(feature for feature, lacking in told.items() if lacking)


def _name_of(path: str, configured: Mapping[str, str]) -> str:
    """The name that the configuration has for a file, which may lie elsewhere there; else that of the file."""
    named = {place: name for name, place in configured.items() if place}
    if path in named:
        return named[path]
    found = [name for place, name in named.items() if PurePath(place).name == PurePath(path).name]
    return found[0] if len(found) == 1 else PurePath(path).stem
