"""A model that is served: its queue, its engine, and what happens when the engine dies."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import soban.v1 as pb
from soban.generation.admission import Admission
from soban.generation.choices import ChoiceEvent, all_choices, choice_count
from soban.generation.engine import Description, Engine, EngineRequest, Finished, Piece, Started
from soban.generation.host import Host
from soban.generation.measure import Record
from soban.generation.throughput import Throughput
from soban.runtime.errors import EngineLost, InvalidField, NoReplica, SobanError

_logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_RETURN_POLL_SECONDS = 0.05


@dataclass(slots=True)
class _Progress:
    """How much of a request's events the caller has seen, over all attempts."""

    started: bool = False
    shown: bool = False


class ServedModel:
    """One name that clients send. `return_seconds` is how long a request without text waits for a dead engine."""

    def __init__(
        self, name: str, *, engine: Engine, replica: Host, admission: Admission, return_seconds: float
    ) -> None:
        self.name = name
        self.replica = replica
        self.admission = admission
        self.throughput = Throughput()
        self.held = 0
        self._engine = engine
        self._return_seconds = return_seconds
        self._description: Description | None = None

    async def start(self) -> None:
        """Starts the engine and warms it. Raises ConfigError when an engine of our own cannot start."""
        await self.replica.start(self._engine.healthy)
        if await self.description() is not None:
            await self._warm()

    async def stop(self) -> None:
        """Ends an engine of our own."""
        await self.replica.stop()

    async def description(self) -> Description | None:
        """What the engine says of its model, asked once; None while it has not been there yet."""
        if self._description is None and self.replica.ready:
            try:
                self._description = await self._engine.describe()
            except SobanError as err:
                _logger.warning("engine does not describe itself", extra={"model": self.name, "reason": err.reason})
        return self._description

    def check(self, request: pb.GenerateRequest) -> None:
        """Raises InvalidField and NotBuilt for what this model can never answer."""
        if choice_count(request) > self.admission.parallel:
            raise InvalidField(
                f"this model runs {self.admission.parallel} sequences at once, no more", field="options.n"
            )
        if request.options.tools and self._description is not None and not self._description.tools:
            raise InvalidField("the chat template of this model has no place for tools", field="options.tools")
        self._engine.check(request)

    async def generate(
        self, request: pb.GenerateRequest, deadline: float | None, record: Record
    ) -> AsyncGenerator[ChoiceEvent, None]:
        """Yields Started once, pieces, a Finished for each choice. `deadline` is on the clock of `time.monotonic`.

        Raises SobanError: NoReplica while the engine is away, QueueFull, EngineLost when it died on the way. A request
        that had no text yet is sent once more when the engine comes back in time, unless it may be what killed it.
        """
        if not self.replica.ready:
            raise NoReplica(f"no engine of {self.name} is ready", retry_after=_RETRY_SECONDS)
        async with self.admission.slots(choice_count(request), request.priority, deadline) as stay:
            record.admitted()
            async with aclosing(self._attempts(request, deadline)) as events:
                async for item in events:
                    self._note(item, record)
                    yield item
            stay.completed = True

    async def _attempts(self, request: pb.GenerateRequest, deadline: float | None) -> AsyncGenerator[ChoiceEvent, None]:
        progress = _Progress()
        try:
            async with aclosing(self._events(request, progress)) as events:
                async for item in events:
                    yield item
        except (EngineLost, NoReplica) as err:
            fields = {"model": self.name, "reason": err.reason, "error": str(err), "text_sent": progress.shown}
            _logger.warning("engine lost a request", extra=fields)
            if progress.shown or _delicate(request.options) or not await self._returns(deadline):
                raise
        else:
            return
        async with aclosing(self._events(request, progress)) as events:
            async for item in events:
                yield item

    async def _events(self, request: pb.GenerateRequest, progress: _Progress) -> AsyncGenerator[ChoiceEvent, None]:
        """What the engine says, one Started left of all."""
        async with aclosing(all_choices(self._engine, request)) as events:
            async for item in events:
                if not isinstance(item.event, Started):
                    progress.shown = True
                elif progress.started:
                    continue
                progress.started = True
                yield item

    async def _returns(self, deadline: float | None) -> bool:
        """Whether the engine answers again, soon and before the deadline."""
        end = time.monotonic() + self._return_seconds
        self.held += 1
        try:
            while time.monotonic() < (end if deadline is None else min(end, deadline)):
                if self.replica.ready and await self._engine.healthy():
                    return True
                await asyncio.sleep(_RETURN_POLL_SECONDS)
            return False
        finally:
            self.held -= 1

    def _note(self, item: ChoiceEvent, record: Record) -> None:
        event = item.event
        if isinstance(event, Piece):
            record.output()
            self.throughput.add(event.tokens)
        elif isinstance(event, Finished):
            record.output()
            record.finished(item.choice, event.usage)

    async def _warm(self) -> None:
        """The first request through an engine is slow: it compiles the chat template and touches all of the model."""
        hello = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text="안녕하세요")])
        request = pb.GenerateRequest(
            model=self.name, messages=[hello], options=pb.GenerationOptions(max_tokens=1, temperature=0)
        )
        try:
            async with aclosing(self._engine.generate(EngineRequest(request))) as events:
                async for _ in events:
                    pass
        except SobanError as err:
            _logger.warning("warm-up failed", extra={"model": self.name, "reason": err.reason})


def _delicate(options: pb.GenerationOptions) -> bool:
    """Whether the engine compiles something of the request's, the part of it that is known to have crashed."""
    return options.response_format.WhichOneof("format") not in (None, "text") or bool(options.tools)
