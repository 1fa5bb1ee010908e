"""GenerationService: proto in, plain call, proto out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, TypeAlias

import grpc

import soban.v1 as pb
from soban.generation.collecting import Collected
from soban.generation.description import load_of, model_of
from soban.generation.engine import Event, Finished, Piece
from soban.generation.measure import Meter, Record
from soban.generation.prompt import Prepared
from soban.generation.registry import Entry, Registry
from soban.generation.validation import validate
from soban.runtime.context import call_of
from soban.runtime.details import FieldViolation
from soban.runtime.errors import NotBuilt, SobanError

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

# Copying and normalising more than this takes over a millisecond and is done beside the event loop.
_LARGE_BYTES = 100_000


class GenerationServicer(pb.GenerationServiceServicer):
    """Answers from `registry`; `max_prompt_bytes` bounds the texts of a request."""

    def __init__(self, registry: Registry, meter: Meter, max_prompt_bytes: int) -> None:
        self._registry = registry
        self._meter = meter
        self._max_prompt_bytes = max_prompt_bytes

    async def Generate(self, request: pb.GenerateRequest, context: _Context) -> pb.GenerateResponse:
        """As generation.proto says."""
        entry, prepared = await self._accept(request)
        served, collected = entry.served, Collected()
        with self._meter.measure(request, entry.card.config.engine) as record:
            async with aclosing(served.generate(prepared.request, call_of(context).deadline, record)) as events:
                async for index, event in events:
                    collected.add(index, event)
        return pb.GenerateResponse(
            model=served.name, choices=collected.choices(), summary=_summary(record, prepared.normalized)
        )

    async def StreamGenerate(
        self, request: pb.StreamGenerateRequest, context: _Context
    ) -> AsyncGenerator[pb.StreamGenerateResponse, None]:
        """As generation.proto says."""
        with _paths_under("generate."):
            entry, prepared = await self._accept(request.generate)
            served = entry.served
            with self._meter.measure(request.generate, entry.card.config.engine) as record:
                async with aclosing(served.generate(prepared.request, call_of(context).deadline, record)) as events:
                    async for index, event in events:
                        yield _response(served.name, index, event)
            yield pb.StreamGenerateResponse(summary=_summary(record, prepared.normalized))

    async def ListModels(self, _: pb.ListModelsRequest, __: _Context) -> pb.ListModelsResponse:
        """As generation.proto says."""
        models = [await model_of(entry.served, entry.card) for entry in self._registry.all()]
        return pb.ListModelsResponse(models=models)

    async def GetModel(self, request: pb.GetModelRequest, _: _Context) -> pb.GetModelResponse:
        """As generation.proto says."""
        entry = self._registry.find(request.name)
        return pb.GetModelResponse(model=await model_of(entry.served, entry.card))

    async def GetLoad(self, request: pb.GetLoadRequest, _: _Context) -> pb.GetLoadResponse:
        """As generation.proto says."""
        if request.models:
            entries = [self._registry.find(name) for name in sorted(set(request.models))]
        else:
            entries = self._registry.all()
        return pb.GetLoadResponse(loads=[load_of(entry.served) for entry in entries])

    async def Embed(self, _: pb.EmbedRequest, __: _Context) -> pb.EmbedResponse:
        """Not in this release."""
        raise NotBuilt("Embed is not built in this release", metadata={"method": "Embed"})

    async def WatchLoad(self, _: pb.WatchLoadRequest, __: _Context) -> AsyncGenerator[pb.WatchLoadResponse, None]:
        """Not in this release."""
        raise NotBuilt("WatchLoad is not built in this release", metadata={"method": "WatchLoad"})
        yield pb.WatchLoadResponse()

    async def _accept(self, request: pb.GenerateRequest) -> tuple[Entry, Prepared]:
        """What the request names, and what its model is to be sent. Raises SobanError."""
        validate(request, self._max_prompt_bytes)
        entry = self._registry.find(request.model)
        entry.served.check(request)
        if request.ByteSize() > _LARGE_BYTES:
            return entry, await asyncio.to_thread(entry.preparation.prepare, request)
        return entry, entry.preparation.prepare(request)


def _response(model: str, index: int, event: Event) -> pb.StreamGenerateResponse:
    if isinstance(event, Piece):
        delta = pb.GenerationDelta(
            index=index,
            text=event.text,
            reasoning=event.reasoning,
            tool_calls=event.tool_calls,
            logprobs=event.logprobs,
            tokens=event.tokens,
        )
        return pb.StreamGenerateResponse(delta=delta)
    if isinstance(event, Finished):
        finish = pb.GenerationFinish(index=index, finish_reason=event.reason, stop_sequence=event.stop_sequence)
        return pb.StreamGenerateResponse(finish=finish)
    return pb.StreamGenerateResponse(start=pb.GenerationStart(model=model))


def _summary(record: Record, normalized: bool) -> pb.GenerationSummary:
    used = record.usage
    usage = pb.Usage(
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cached_input_tokens=used.cached_input_tokens,
        reasoning_tokens=used.reasoning_tokens,
    )
    return pb.GenerationSummary(usage=usage, timings=record.timings(), normalized=normalized)


@contextmanager
def _paths_under(prefix: str) -> Iterator[None]:
    """The streamed request wraps the plain one, and so do the paths of its fields."""
    try:
        yield
    except SobanError as err:
        err.violations = tuple(FieldViolation(prefix + path, text) for path, text in err.violations)
        raise
