"""Adapter to Hugging Face's text-generation-inference.

Two ways lead to an answer. With the model's tokenizer at hand (`models.<name>.tokenizer`) the prompt is rendered here,
or by TGI where the tokenizer comes without a chat template, and the answer is read by token ids from the native stream:
TGI's router may break Hangul between tokens, and then only ids are right. Without it, and for tools and images, TGI's
chat endpoint renders; text that it breaks is an error, never an answer with holes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Event, Feature, Reading
from soban.generation.engines.context import EngineContext
from soban.generation.engines.http import Answered, Reply
from soban.generation.engines.metrics import read_metrics
from soban.generation.engines.openai_errors import refusal_of
from soban.generation.engines.support import needed, not_built, require_support
from soban.generation.engines.tgi_errors import error_of
from soban.generation.engines.tgi_events import ChatAnswer, IdText, NativeAnswer, ServerText
from soban.generation.engines.tgi_info import Info
from soban.generation.engines.tgi_request import (
    CHAT,
    KIND,
    chat_body,
    check_logprobs,
    check_options,
    native_body,
)
from soban.generation.engines.tgi_server import GENERATE_PATH, TgiServer
from soban.runtime.config import ConfigError
from soban.runtime.errors import NotBuilt, SobanError
from soban.runtime.model_settings import ModelConfig

if TYPE_CHECKING:
    from soban.generation.engines.tgi_vocabulary import Vocabulary

_logger = logging.getLogger(__name__)

_LIBRARIES = ("jinja2", "tokenizers")
_AT_ONCE = 20_000
"""Bytes of a request up to which rendering and counting stay in the event loop: a few milliseconds."""
# The chat endpoint has no words for them.
_NATIVE_ONLY = (Feature.CONTINUATION, Feature.TEMPLATE_ARGUMENTS, Feature.TOP_K, Feature.REPETITION_PENALTY)
_SHAPED = frozenset({Feature.TOOLS, Feature.JSON_SCHEMA, Feature.REGEX})


class _Call(NamedTuple):
    path: str
    body: dict[str, Any]
    reply: Reply


class Tgi:
    """Speaks with the TGI of `context`. Raises ConfigError where its tokenizer is configured and cannot be used."""

    support: frozenset[Feature] = frozenset(Feature) - {
        Feature.JSON_OBJECT,
        Feature.GRAMMAR,
        Feature.LOGIT_BIAS,
        Feature.IGNORE_EOS,
        Feature.MIN_P,
        Feature.ADAPTER_LOADING,
    }

    def __init__(self, context: EngineContext) -> None:
        self._http = context.http
        self._setting = f"models.{context.name}.tokenizer"
        self._server = TgiServer(context.http, self._setting)
        self._vocabulary = _vocabulary_of(context.name, context.config)
        self._warned = False
        if self._vocabulary is None:
            self.support -= {Feature.CONTINUATION, Feature.TEMPLATE_ARGUMENTS}
        elif not self._vocabulary.renders:
            self.support -= {Feature.TEMPLATE_ARGUMENTS}

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Engine.check`."""
        require_support(KIND, Tgi.support, request)
        check_options(request)
        by_chat = self._by_chat(request)
        for feature in needed(request):
            lacking = self._lacking(feature, by_chat=by_chat) if request.messages else ""
            if lacking:
                raise NotBuilt(
                    f"{feature.value} on engine tgi {lacking} is not built",
                    metadata={"feature": feature.value, "engine": KIND},
                )
        if by_chat:
            CHAT.body(request, None)

    async def generate(self, asked: EngineRequest) -> AsyncGenerator[Event, None]:
        """As `Engine.generate`."""
        self.check(asked.request)
        info = await self._server.info()
        await self._check_server(asked.request, info)
        by_chat = self._by_chat(asked.request)
        call = await (self._chat_call(asked, info) if by_chat else self._native_call(asked, info))

        def refused(answered: Answered) -> SobanError:
            return error_of(refusal_of(answered), asked.request)

        async with aclosing(self._http.stream(call.path, call.body, call.reply, refused)) as events:
            async for event in events:
                yield event

    async def describe(self) -> Description:
        """As `Engine.describe`. It names one model whatever a request says, and does not tell its adapters."""
        info = await self._server.look()
        if self._vocabulary is None and info.always_samples and not self._warned:
            self._warned = True
            _logger.warning("this TGI breaks Hangul without a tokenizer", extra={"mend": f"set {self._setting}"})
        return Description(
            models=(info.model,),
            context_length=info.total_tokens,
            slots=info.requests,
            lacks=await self._lacks(info),
            version=info.version,
        )

    async def healthy(self) -> bool:
        """As `Engine.healthy`."""
        try:
            return (await self._http.get("/health")).status == 200
        except SobanError:
            return False

    async def read_load(self) -> Reading:
        """As `Engine.read_load`; series are missing until the first request."""
        answered = await self._http.get("/metrics")
        if answered.status != 200:
            raise error_of(refusal_of(answered), pb.GenerateRequest())
        return read_metrics(KIND, answered.body.decode(errors="replace"))

    async def load_adapter(self, name: str, path: str) -> None:
        """As `Engine.load_adapter`: TGI loads the ones of `--lora-adapters` at its start only."""
        raise not_built(KIND, Feature.ADAPTER_LOADING, adapter=name, path=path)

    def _lacking(self, feature: Feature, *, by_chat: bool) -> str:
        """What keeps a feature of TGI from a conversation; empty if nothing does."""
        if by_chat and feature in _NATIVE_ONLY:
            return f"without {self._setting}" if self._vocabulary is None else "with tools or images"
        if feature is Feature.TEMPLATE_ARGUMENTS and feature not in self.support:
            return f"without a chat template beside {self._setting}"
        return ""

    def _by_chat(self, request: pb.GenerateRequest) -> bool:
        if not request.messages:
            return False
        return self._vocabulary is None or _sees(request) or bool(request.options.tools)

    async def _lacks(self, info: Info) -> frozenset[Feature]:
        """Whether it keeps to shapes a busy server may not tell; then the next look does."""
        blind = frozenset({Feature.IMAGES} if info.always_samples else ())
        try:
            return blind if await self._server.keeps_shapes() else blind | _SHAPED
        except SobanError:
            return blind

    async def _check_server(self, request: pb.GenerateRequest, info: Info) -> None:
        """What this very server cannot do, though others of its kind can. Raises NotBuilt."""
        check_logprobs(request.options, info)
        shaped = next((feature for feature in needed(request) if feature in _SHAPED), None)
        if shaped is not None and not await self._server.keeps_shapes():
            raise NotBuilt(
                f"{shaped.value} on this TGI is not built: its backend does not keep to grammars",
                metadata={"feature": shaped.value, "engine": KIND},
            )

    async def _chat_call(self, asked: EngineRequest, info: Info) -> _Call:
        request = asked.request
        body = chat_body(asked, info)
        # Counting would have it fetch pictures twice.
        tokens = None if _sees(request) else await self._server.count_chat(body)
        most = _most(request, info, tokens)
        if most is not None:
            body["max_tokens"] = most
        return _Call(CHAT.chat_path, body, ChatAnswer(request, self._setting, tokens))

    async def _native_call(self, asked: EngineRequest, info: Info) -> _Call:
        request = asked.request
        vocabulary = self._vocabulary
        if vocabulary is None:
            prompt, tokens = request.prompt, await self._server.count(request.prompt)
        else:
            prompt, tokens = await self._prompt(vocabulary, request)
        words = ServerText(self._setting) if vocabulary is None else IdText(vocabulary, self._setting)
        body = native_body(asked, prompt, _most(request, info, tokens), info)
        return _Call(GENERATE_PATH, body, NativeAnswer(request, words, tokens))

    async def _prompt(self, vocabulary: Vocabulary, request: pb.GenerateRequest) -> tuple[str, int]:
        """The prompt as it is to be sent, and its tokens as they arrive.

        TGI puts tokens before every prompt, whether or not a chat template has written them already: they go once.
        """
        around = await self._server.around(vocabulary)
        told = None
        if request.messages and not vocabulary.renders:
            messages, begun = vocabulary.unrendered(request)
            told = await self._server.render(messages, request) + begun

        def work() -> tuple[str, int]:
            prompt = (vocabulary.prompt(request) if told is None else told).removeprefix(around.before)
            return prompt, vocabulary.count(prompt) + around.tokens

        return work() if request.ByteSize() <= _AT_ONCE else await asyncio.to_thread(work)


def _sees(request: pb.GenerateRequest) -> bool:
    return any(part.HasField("image") for message in request.messages for part in message.parts)


def _most(request: pb.GenerateRequest, info: Info, tokens: int | None) -> int | None:
    """New tokens after a prompt of `tokens`: what is asked for, or what is left. Raises ContextOverflow."""
    options = request.options
    asked = options.max_tokens if options.HasField("max_tokens") else None
    room = None if tokens is None else info.room(request, tokens)
    return min((limit for limit in (asked, room) if limit is not None), default=None)


def _vocabulary_of(name: str, config: ModelConfig) -> Vocabulary | None:
    """None where the configuration names no tokenizer. Raises ConfigError."""
    if config.tokenizer is None:
        return None
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise ConfigError(f"models.{name}.tokenizer", f"needs {' and '.join(missing)}: pip install 'soban[tgi]'")
    from soban.generation.engines.tgi_vocabulary import load_vocabulary

    return load_vocabulary(name, config.tokenizer)
