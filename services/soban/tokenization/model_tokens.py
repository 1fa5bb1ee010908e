"""The models' own tokens as the service offers them: valid requests in, answers out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import soban.v1 as pb
from soban.runtime.errors import InvalidField, ModelNotFound, TokenizerNotFound
from soban.runtime.names import Names
from soban.runtime.template_arguments import template_arguments
from soban.runtime.vocabulary.rendering import Rendering
from soban.runtime.vocabulary.tokenizer import ModelTokenizer
from soban.tokenization.normalization import nfc
from soban.tokenization.vocabulary.encoding import EncodeOptions, Encoder
from soban.tokenization.vocabulary.model import Model, load_model

R = TypeVar("R")

_AT_ONCE = 1_000
"""Characters: up to here work is done in the event loop, in less than a millisecond. A thread costs a tenth of one."""
_AT_A_TIME = 100_000
"""Characters of several texts that a thread takes in one go, so that others get their turn."""


class ModelTokens:
    """Counting, encoding, decoding and chat templates. Long work is done in threads of its own."""

    def __init__(self, names: Names, threads: int) -> None:
        self._names = names
        self._models: Mapping[str, Model] = {}
        self._profiles: Mapping[str, Model] = {}
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="tokens")

    async def start(self) -> None:
        """Loads the tokenizer of every model that has one. Raises ConfigError."""
        loaded = await asyncio.to_thread(lambda: [load_model(*item) for item in self._names.models.items()])
        self._models = {model.name: model for model in loaded if model is not None}
        self._profiles = {
            name: self._models[profile.model].instructed(profile.system_prompt)
            for name, profile in self._names.profiles.items()
            if profile.model in self._models
        }

    async def stop(self) -> None:
        """Ends the threads once they have finished what they do."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def encode(self, request: pb.EncodeRequest) -> pb.EncodeResponse:
        """Raises ModelNotFound and TokenizerNotFound."""
        tokenizer = self._model(request.model).tokenizer
        encoder = Encoder(tokenizer, EncodeOptions.of(request))
        response = pb.EncodeResponse(tokenizer_version=tokenizer.version)
        for texts in _portions(request.texts):
            response.encodings.extend(await self._do(_size(texts), partial(encoder.encode, texts)))
        return response

    async def decode(self, request: pb.DecodeRequest) -> pb.DecodeResponse:
        """Raises ModelNotFound, TokenizerNotFound, and InvalidField for an id that the model does not have."""
        tokenizer = self._model(request.model).tokenizer
        skip = request.skip_special_tokens or not request.HasField("skip_special_tokens")
        ids = list(request.token_ids)
        try:
            text, incomplete = await self._do(len(ids), partial(tokenizer.decode, ids, skip_special=skip))
        except IndexError as err:
            number = await self._do(len(ids), partial(_first_unknown, tokenizer, ids))
            raise InvalidField(f"{request.model} has no token with this id", field=f"token_ids[{number}]") from err
        return pb.DecodeResponse(text=text, incomplete=incomplete)

    async def count(self, request: pb.CountTokensRequest, remaining: float | None) -> pb.CountTokensResponse:
        """Of texts or of a conversation. Raises ModelNotFound, TokenizerNotFound, InvalidField, DeadlineExceeded."""
        model = self._model(request.model)
        normalize = request.normalize or not request.HasField("normalize")
        if request.messages:
            prompted = request.add_generation_prompt or not request.HasField("add_generation_prompt")
            how = Rendering(add_generation_prompt=prompted, normalize=normalize)
            _, tokens = await self._render(model, request.messages, request.tools, how, remaining)
            counts = [tokens]
        else:
            counts = await self._count_texts(model, request.texts, request.add_special_tokens, normalize)
        texts = (part.text for message in request.messages for part in message.parts)
        return pb.CountTokensResponse(
            counts=counts,
            total=sum(counts),
            eojeol=sum(len(text.split()) for text in (texts if request.messages else request.texts)),
            context_length=model.context_length,
            tokenizer_version=model.tokenizer.version,
        )

    async def render(self, request: pb.RenderChatRequest, remaining: float | None) -> pb.RenderChatResponse:
        """Raises ModelNotFound, TokenizerNotFound, InvalidField, DeadlineExceeded."""
        model = self._model(request.model)
        given = request.template_arguments_json
        how = Rendering(
            add_generation_prompt=request.add_generation_prompt or not request.HasField("add_generation_prompt"),
            continue_final_message=request.continue_final_message,
            arguments=template_arguments(given, "template_arguments_json") if given else None,
        )
        text, tokens = await self._render(model, request.messages, request.tools, how, remaining)
        return pb.RenderChatResponse(text=text, tokens=tokens)

    def describe(self) -> pb.ListTokenizersResponse:
        """All that are loaded, by name of the model."""
        return pb.ListTokenizersResponse(tokenizers=[self._models[name].info() for name in sorted(self._models)])

    def _model(self, name: str) -> Model:
        if not name:
            raise InvalidField("a model is required", field="model")
        model = self._models.get(name) or self._profiles.get(name)
        if model is not None:
            return model
        route = self._names.routes.get(name)
        if route is not None:
            members = ", ".join(route.models)
            raise TokenizerNotFound(
                f"{name} is a route, and each model has its own tokens: name {members}", field="model"
            )
        if name not in self._names.all():
            raise ModelNotFound(f"no model is named {name[:128]!r}", field="model")
        own = self._names.model_of(name)
        raise TokenizerNotFound(
            f"{name} has no tokenizer here; set models.{own}.tokenizer to its tokenizer.json", field="model"
        )

    async def _count_texts(self, model: Model, texts: Sequence[str], add_special: bool, normalize: bool) -> list[int]:
        counts: list[int] = []
        for portion in _portions(texts):
            work = partial(_count, model.tokenizer, portion, add_special, normalize)
            counts += await self._do(_size(portion), work)
        return counts

    async def _render(
        self,
        model: Model,
        messages: Sequence[pb.Message],
        tools: Sequence[pb.Tool],
        how: Rendering,
        remaining: float | None,
    ) -> tuple[str, int]:
        """The prompt and its tokens."""

        def work() -> tuple[str, int]:
            prompt = model.render(messages, tools, how, remaining)
            return prompt, model.count_prompt(prompt)

        # All that is sent counts: names, arguments of calls, and messages without text are work, too.
        return await self._do(sum(each.ByteSize() for each in (*messages, *tools)), work)

    async def _do(self, size: int, work: Callable[[], R]) -> R:
        if size <= _AT_ONCE:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _count(tokenizer: ModelTokenizer, texts: Sequence[str], add_special: bool, normalize: bool) -> list[int]:
    return tokenizer.count([nfc(text) for text in texts] if normalize else texts, add_special=add_special)


def _first_unknown(tokenizer: ModelTokenizer, ids: Sequence[int]) -> int:
    return next(number for number, token_id in enumerate(ids) if not tokenizer.has(token_id))


def _portions(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Runs of neighbours with at most 100,000 characters together, and longer texts one by one."""
    if _size(texts) <= _AT_A_TIME:
        yield texts
        return
    portion: list[str] = []
    size = 0
    for text in texts:
        if portion and size + len(text) > _AT_A_TIME:
            yield portion
            portion, size = [], 0
        portion.append(text)
        size += len(text)
    yield portion


def _size(texts: Sequence[str]) -> int:
    return sum(map(len, texts))
