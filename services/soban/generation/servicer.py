"""GenerationService: proto in, plain call, proto out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, TypeAlias

import grpc

import soban.v1 as pb
from soban.generation.collecting import Collected
from soban.generation.engine import Event, Finished, Piece, Started
from soban.generation.measure import Meter, Record
from soban.generation.registry import Registry
from soban.generation.target import Target, Visit
from soban.generation.validation import validate
from soban.generation.watch import LoadWatch
from soban.runtime.context import call_of
from soban.runtime.details import FieldViolation
from soban.runtime.errors import NotBuilt, SobanError

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class GenerationServicer(pb.GenerationServiceServicer):
    """Answers from `registry`; `max_prompt_bytes` bounds the texts of a request."""

    def __init__(self, registry: Registry, meter: Meter, watch: LoadWatch, max_prompt_bytes: int) -> None:
        self._registry = registry
        self._meter = meter
        self._watch = watch
        self._max_prompt_bytes = max_prompt_bytes

    async def Generate(self, request: pb.GenerateRequest, context: _Context) -> pb.GenerateResponse:
        """As generation.proto says."""
        target, collected = self._accept(request), Collected()
        response = pb.GenerateResponse(model=target.name)
        with self._meter.measure(request, target.engine) as record:
            async with aclosing(target.generate(request, Visit(call_of(context).deadline, record))) as events:
                async for index, event in events:
                    if isinstance(event, Started):
                        response.model = event.model
                        continue
                    record.output()
                    collected.add(index, event)
        response.choices.extend(collected.choices())
        response.summary.CopyFrom(_summary(record))
        return response

    async def StreamGenerate(
        self, request: pb.StreamGenerateRequest, context: _Context
    ) -> AsyncGenerator[pb.StreamGenerateResponse, None]:
        """As generation.proto says."""
        asked = request.generate
        with _paths_under("generate."):
            target = self._accept(asked)
            with self._meter.measure(asked, target.engine) as record:
                async with aclosing(target.generate(asked, Visit(call_of(context).deadline, record))) as events:
                    async for index, event in events:
                        if not isinstance(event, Started):
                            record.output()
                        yield _response(index, event)
            yield pb.StreamGenerateResponse(summary=_summary(record))

    async def ListModels(self, _: pb.ListModelsRequest, __: _Context) -> pb.ListModelsResponse:
        """As generation.proto says."""
        models = await asyncio.gather(*(target.model() for target in self._registry.all()))
        return pb.ListModelsResponse(models=models)

    async def GetModel(self, request: pb.GetModelRequest, _: _Context) -> pb.GetModelResponse:
        """As generation.proto says."""
        return pb.GetModelResponse(model=await self._registry.find(request.name).model())

    async def GetLoad(self, request: pb.GetLoadRequest, _: _Context) -> pb.GetLoadResponse:
        """As generation.proto says."""
        return pb.GetLoadResponse(loads=self._registry.loads(request.models))

    async def Embed(self, _: pb.EmbedRequest, __: _Context) -> pb.EmbedResponse:
        """Not in this release."""
        raise NotBuilt("Embed is not built in this release", metadata={"method": "Embed"})

    async def WatchLoad(self, request: pb.WatchLoadRequest, _: _Context) -> AsyncGenerator[pb.WatchLoadResponse, None]:
        """As generation.proto says."""
        async with aclosing(self._watch.watch(request)) as loads:
            async for response in loads:
                yield response

    def _accept(self, request: pb.GenerateRequest) -> Target:
        """What the request names. Raises SobanError."""
        validate(request, self._max_prompt_bytes)
        target = self._registry.find(request.model)
        target.check(request)
        return target


def _response(index: int, event: Event) -> pb.StreamGenerateResponse:
    if isinstance(event, Piece):
        delta = pb.GenerationDelta(
            index=index,
            text=event.text,
            reasoning=event.reasoning,
            tool_calls=event.tool_calls,
            logprobs=event.logprobs,
            tokens=event.tokens,
            resumed=event.resumed,
            input_tokens=event.input_tokens,
        )
        return pb.StreamGenerateResponse(delta=delta)
    if isinstance(event, Finished):
        finish = pb.GenerationFinish(index=index, finish_reason=event.reason, stop_sequence=event.stop_sequence)
        return pb.StreamGenerateResponse(finish=finish)
    return pb.StreamGenerateResponse(start=pb.GenerationStart(model=event.model))


def _summary(record: Record) -> pb.GenerationSummary:
    return pb.GenerationSummary(
        usage=record.usage.to_proto(),
        cost=record.cost,
        timings=record.timings(),
        route_steps=record.steps,
        resumes=record.resumes,
        normalized=record.normalized,
    )


@contextmanager
def _paths_under(prefix: str) -> Iterator[None]:
    """The streamed request wraps the plain one, and so do the paths of its fields."""
    try:
        yield
    except SobanError as err:
        err.violations = tuple(FieldViolation(prefix + path, text) for path, text in err.violations)
        raise
