"""Adapter to an API like OpenAI's that somebody else runs: OpenAI, Azure OpenAI, a gateway, a neighbour's server.

The address is the base path that the `openai` client would be given, such as https://api.example.com/v1. Only
parameters of OpenAI's reference are sent, and no name of a user. Certificates are checked, redirects not followed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Event, Feature, Finished, Reading, Started, Usage
from soban.generation.engines.context import EngineContext
from soban.generation.engines.counted import CountedAnswer
from soban.generation.engines.external_errors import (
    before_the_answer,
    error_of,
    refusal_with_limits,
    was_filtered,
)
from soban.generation.engines.external_standing import MODELS_PATH, NOT_TOLD, Standing
from soban.generation.engines.http import Answered
from soban.generation.engines.openai_errors import Refusal
from soban.generation.engines.openai_request import Dialect, response_format
from soban.generation.engines.support import not_built, require_support
from soban.generation.prompt_size import PromptSize
from soban.runtime.errors import EngineFailed, Internal, InvalidField, SobanError

_MOST_NAMES = 1000
# Deployments have names of their own there, which the list of models does not hold.
_LISTS_NO_DEPLOYMENTS = ".azure.com"


def _shape(shape: pb.ResponseFormat) -> dict[str, Any]:
    """Without `strict` a schema is only a wish to OpenAI's models."""
    made = response_format(shape)
    if shape.WhichOneof("format") == "json_schema":
        made["response_format"]["json_schema"]["strict"] = True
    return made


DIALECT = Dialect(engine="external", shape=_shape, chat_path="/chat/completions", completion_path="/completions")


def understood(dialect: Dialect, refusal: Refusal) -> Dialect:
    """How to say it after `refusal`; the same where that was not about words.

    OpenAI's reasoning models refuse `max_tokens`, other APIs know no `max_completion_tokens`, old ones no
    `stream_options`.
    """
    if refusal.status not in (400, 422):
        return dialect
    if "max_completion_tokens" in refusal.words and dialect.options["max_tokens"] == "max_tokens":
        return replace(dialect, options={**dialect.options, "max_tokens": "max_completion_tokens"})
    if "stream_options" in refusal.words and dialect.always:
        return replace(dialect, always=MappingProxyType({}))
    return dialect


class External:
    """Speaks with the API of `context`. What it does not count in a stream is counted here."""

    support = frozenset(
        {
            Feature.CHAT,
            Feature.COMPLETION,
            Feature.TOOLS,
            Feature.IMAGES,
            Feature.JSON_OBJECT,
            Feature.JSON_SCHEMA,
            Feature.LOGPROBS,
            Feature.LOGIT_BIAS,
            Feature.STREAM_USAGE,
        }
    )

    def __init__(self, context: EngineContext, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = context.http
        self._model = context.model
        self._lists_model = not any(
            (urlsplit(address.url).hostname or "").endswith(_LISTS_NO_DEPLOYMENTS)
            for address in context.config.replica_addresses
        )
        self._standing = Standing(context.http, context.model, clock)
        self._size = PromptSize()
        self._dialects = dict.fromkeys((DIALECT.chat_path, DIALECT.completion_path), DIALECT)

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Engine.check`."""
        require_support(DIALECT.engine, self.support, request)
        DIALECT.body(request, None)

    async def generate(self, asked: EngineRequest) -> AsyncGenerator[Event, None]:
        """As `Engine.generate`. What the API's own filter refuses ends with SAFETY, without text."""
        if asked.adapter:
            raise not_built(DIALECT.engine, Feature.ADAPTERS, adapter=asked.adapter)
        try:
            async with aclosing(self._understood(asked, await self._name())) as events:
                async for event in events:
                    yield event
        except Internal as err:
            self._standing.refused(err)
            raise
        except InvalidField as err:
            if not was_filtered(err):
                raise
            yield Started()
            yield Finished(pb.FINISH_REASON_SAFETY, Usage())

    async def describe(self) -> Description:
        """As `Engine.describe`, as far as the API shows its models."""
        if not self._lists_model:
            return Description()
        listed = await self._http.get(MODELS_PATH)
        if listed.status in NOT_TOLD:
            return Description()
        if listed.status != 200:
            raise error_of(refusal_with_limits(listed), pb.GenerateRequest())
        lengths = _listed(listed)
        if self._model in lengths:
            return Description(models=(self._model,), context_length=lengths[self._model])
        if self._model and (await self._http.get(f"{MODELS_PATH}/{quote(self._model)}")).status == 200:
            return Description(models=(self._model,))
        return Description(models=tuple(lengths)[:_MOST_NAMES])

    async def healthy(self) -> bool:
        """As `Engine.healthy`; costs nothing."""
        return await self._standing.good()

    async def read_load(self) -> Reading:
        """As `Engine.read_load`: nobody outside is told."""
        return Reading()

    async def load_adapter(self, name: str, path: str) -> None:
        """As `Engine.load_adapter`."""
        raise not_built(DIALECT.engine, Feature.ADAPTER_LOADING, adapter=name, path=path)

    async def _name(self) -> str:
        """The only model of the API where none is configured."""
        if not self._model:
            names = (await self.describe()).models
            if len(names) != 1:
                raise EngineFailed(f"the API shows {len(names)} models: set engineModel")
            self._model = names[0]
        return self._model

    async def _understood(self, asked: EngineRequest, model: str) -> AsyncGenerator[Event, None]:
        """Says it again in other words where the API did not know ours, as long as it has done nothing.

        Only words that were then taken are kept for others: a refusal may quote whatever a request holds.
        """
        path = DIALECT.path(asked.request)
        spoken = self._dialects[path]
        while True:
            heard: list[Refusal] = []
            try:
                async with aclosing(self._once(spoken, asked, model, heard.append)) as events:
                    async for event in events:
                        self._dialects[path] = spoken
                        yield event
            except InvalidField:
                other = understood(spoken, heard[0]) if heard else spoken
                if other is spoken:
                    raise
                spoken = other
            else:
                self._standing.answered()
                return

    def _once(
        self, dialect: Dialect, asked: EngineRequest, model: str, heard: Callable[[Refusal], None]
    ) -> AsyncGenerator[Event, None]:
        request, path = asked.request, dialect.path(asked.request)

        def refused(answered: Answered) -> SobanError:
            if answered.status == 401:
                self._standing.doubt()
            refusal = refusal_with_limits(answered)
            heard(refusal)
            return before_the_answer(refusal, request)

        reply = CountedAnswer(request, error_of, self._size)
        return self._http.stream(path, dialect.body(request, asked.seed, model), reply, refused)


def _listed(answered: Answered) -> Mapping[str, int | None]:
    """Context lengths by name. OpenAI tells none; gateways call them as their engines do."""
    try:
        return {
            str(entry["id"]): next(
                (entry[key] for key in ("max_model_len", "context_length") if isinstance(entry.get(key), int)), None
            )
            for entry in answered.json()["data"]
        }
    except (KeyError, TypeError, AttributeError) as err:
        raise EngineFailed("the API does not list its models as OpenAI does") from err
