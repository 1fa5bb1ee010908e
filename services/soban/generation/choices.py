"""The n answers to one request, side by side in one stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import NamedTuple

import soban.v1 as pb
from soban.generation.engine import Event, Started


class ChoiceEvent(NamedTuple):
    """An event of answer number `choice`, from 0."""

    choice: int
    event: Event


def choice_count(request: pb.GenerateRequest) -> int:
    """How many answers are asked for."""
    return request.options.n if request.options.HasField("n") else 1


def choice_seeds(request: pb.GenerateRequest) -> list[int | None]:
    """Of each answer: choice i has seed + i."""
    options = request.options
    return [options.seed + index if options.HasField("seed") else None for index in range(choice_count(request))]


async def all_choices(answers: Sequence[AsyncGenerator[Event, None]]) -> AsyncGenerator[ChoiceEvent, None]:
    """Every event of every answer as it comes, of the starts only the first.

    Raises the first error; the other answers then end, too.
    """
    started = False
    async with aclosing(_one(answers[0]) if len(answers) == 1 else _merged(answers)) as events:
        async for item in events:
            if isinstance(item.event, Started):
                if started:
                    continue
                started = True
            yield item


async def _one(answer: AsyncGenerator[Event, None]) -> AsyncGenerator[ChoiceEvent, None]:
    async with aclosing(answer):
        async for event in answer:
            yield ChoiceEvent(0, event)


async def _merged(answers: Sequence[AsyncGenerator[Event, None]]) -> AsyncGenerator[ChoiceEvent, None]:
    # Unbounded, as an answer is bounded by its context: a slow reader costs kilobytes.
    queue: asyncio.Queue[ChoiceEvent | None] = asyncio.Queue()

    async def pour(index: int, answer: AsyncGenerator[Event, None]) -> None:
        try:
            async with aclosing(answer):
                async for event in answer:
                    queue.put_nowait(ChoiceEvent(index, event))
        finally:
            queue.put_nowait(None)

    tasks = [asyncio.create_task(pour(index, answer)) for index, answer in enumerate(answers)]
    try:
        for _ in tasks:
            while (event := await queue.get()) is not None:
                yield event
            for task in tasks:
                if task.done():
                    task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
