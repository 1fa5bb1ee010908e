"""Pours generation's stream into the filter, the one task beside the reader of the filter."""

from __future__ import annotations

import asyncio

from soban.gateway import field_paths
from soban.gateway.answer import Answer
from soban.gateway.upstream import FilterCall, GenerateCall, errors_of
from soban.runtime.errors import EngineLost, ServiceUnreachable


class Pump:
    """Begins at once. When generation ends, well or not, the filter is closed so that it releases what it holds."""

    def __init__(self, generating: GenerateCall, filtering: FilterCall, answer: Answer) -> None:
        self._generating = generating
        self._filtering = filtering
        self._answer = answer
        self._closed = False
        self._task = asyncio.create_task(self._pour())
        # Whoever cancels does not ask how it ended; asyncio would complain of an error that nobody looked at.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    def cancel(self) -> None:
        """Stops pouring."""
        self._task.cancel()

    async def drained(self) -> None:
        """To be awaited at the filter's end. Raises what generation ended with, or what kept an answer from its end."""
        if not self._closed:
            raise ServiceUnreachable("safety ended its stream before the answer did")
        await self._task
        if self._answer.open:
            raise EngineLost("generation ended before its answer did")

    async def _pour(self) -> None:
        try:
            with errors_of("generation", field_paths.of_generation):
                async for event in self._generating:
                    for piece in self._answer.written(event):
                        await self._filtering.write(piece)
        finally:
            self._closed = True
            await self._filtering.done_writing()
