"""One answer, from as many replicas as it takes. Its caller sees one stream, in which nothing is missing or twice."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import soban.v1 as pb
from soban.generation.answer_shapes import is_shaped
from soban.generation.choosing.demand import Demand
from soban.generation.engine import EngineRequest, Event, Feature, Finished, Piece, Started, Usage
from soban.generation.fleet import Fleet, Lease
from soban.generation.replica import Replica
from soban.generation.resume import Journal, continued
from soban.generation.work import WorkItem
from soban.runtime.errors import (
    ContextOverflow,
    EngineFailed,
    EngineLost,
    EngineOverloaded,
    InvalidArgument,
    NoReplica,
    NotBuilt,
    SobanError,
)

_logger = logging.getLogger(__name__)

_MOST_LOSSES, _MOST_LOSSES_IF_DELICATE = 3, 2
_MOST_TRIES = 8
_PAUSE_SECONDS = 1.0

Requeue = Callable[[float | None], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Task:
    """What one answer needs. `requeue` waits for admission again, and raises what the queue raises.

    `harmless` breaks control tokens in text that becomes part of a chat.
    """

    model: str
    asked: EngineRequest
    demand: Demand
    item: WorkItem
    deadline: float | None
    requeue: Requeue
    harmless: Callable[[str], str]


@dataclass(slots=True)
class Answering:
    """Iterate over `events` once; afterwards `usage`, `engine_seconds` and `resumes` tell, however it ended."""

    fleet: Fleet
    task: Task
    engine_seconds: float = 0.0
    resumes: int = 0
    """How often text went on on another replica, each told by its first piece there."""
    _journal: Journal = field(default_factory=Journal)
    _losses: int = 0
    _tries: int = 0
    _failed_on: list[Replica] = field(default_factory=list)
    _stuck_since: float | None = None
    """When it last failed, while nothing came since."""
    _last_loss: SobanError | None = None
    _started: bool = False
    _goes_on: bool = False
    """The next piece is the first that another replica adds to what has been shown."""

    @property
    def usage(self) -> Usage:
        """Of all its replicas."""
        return self._journal.usage()

    async def events(self) -> AsyncGenerator[Event, None]:
        """Started once, pieces, Finished. Raises SobanError where no replica could end it."""
        demand, own = self.task.demand, self.task.asked.request
        request: pb.GenerateRequest | None = own
        while request is not None:
            lease = await self.fleet.lease(demand, self.task.deadline, self._stuck_since)
            try:
                async with aclosing(self._leg(lease, request)) as events:
                    async for event in events:
                        yield event
            except (EngineLost, EngineFailed, NoReplica, EngineOverloaded) as err:
                await self._recover(lease, err)
            except ContextOverflow:
                if request is own:
                    raise
                break
            except (InvalidArgument, NotBuilt):
                if request is own or self._last_loss is None:
                    raise
                # The caller's own request was right: what is refused is our continuation of it.
                raise self._last_loss from None
            else:
                return
            demand = replace(demand, avoid=demand.avoid | {lease.replica.id})
            request = self._rest() if self._journal.shown else request
        yield Finished(pb.FINISH_REASON_LENGTH, self.usage)

    async def _leg(self, lease: Lease, request: pb.GenerateRequest) -> AsyncGenerator[Event, None]:
        """What one replica adds."""
        asked = EngineRequest(request, self.task.asked.seed, self.task.asked.adapter)
        self._goes_on = self._journal.shown
        try:
            with lease.held(self.task.item):
                async with aclosing(lease.replica.engine.generate(asked)) as events:
                    async for event in events:
                        if (shown := self._as_shown(event, lease)) is not None:
                            yield shown
        finally:
            self.engine_seconds += lease.seconds

    def _as_shown(self, event: Event, lease: Lease) -> Event | None:
        """What the caller sees of an event, once it is written down."""
        if isinstance(event, Piece):
            event.resumed, self._goes_on = self._goes_on, False
            self.resumes += event.resumed
            self._stuck_since = None
            self._journal.wrote(event)
            lease.progress(self.task.item.progress(event.tokens, event.input_tokens))
            return event
        if isinstance(event, Finished):
            self._journal.ended(event)
            self._ended_on(lease.replica)
            return Finished(event.reason, self.usage, event.stop_sequence)
        first, self._started = not self._started, True
        return Started(self.task.model) if first else None

    def _ended_on(self, replica: Replica) -> None:
        """Of those that failed the same request it is clear now that it was their fault."""
        replica.answered()
        for other in self._failed_on:
            if other is not replica:
                other.lost()
        self.task.item.leave(self.usage)

    async def _recover(self, lease: Lease, err: SobanError) -> None:
        """Tells the replica what happened, and returns if another try may succeed. Raises `err` if not."""
        journal = self._journal
        fields = {"model": self.task.model, "replica": lease.replica.id, "reason": err.reason, "error": str(err)}
        _logger.warning("replica lost a request", extra={**fields, "text_sent": journal.shown})
        self._tell(lease.replica, err)
        if self._hopeless() or (journal.shown and not self._continues(lease)):
            raise err
        self._last_loss = err
        journal.broke()
        self.task.item.requeued()
        if isinstance(err, EngineOverloaded) and not journal.shown:
            await self.task.requeue(err.retry_after)

    def _tell(self, replica: Replica, err: SobanError) -> None:
        self._tries += 1
        if self._stuck_since is None:
            self._stuck_since = time.monotonic()
        if isinstance(err, EngineOverloaded):
            replica.pause(err.retry_after or _PAUSE_SECONDS)
        elif isinstance(err, NoReplica):
            replica.lost(refused=True)
        elif isinstance(err, EngineFailed):
            self._failed_on.append(replica)
            self._losses += 1
        else:
            replica.lost()
            self._losses += 1

    def _hopeless(self) -> bool:
        """Too many losses, of which the request may be the cause, or nothing came for too long."""
        most = _MOST_LOSSES_IF_DELICATE if _delicate(self.task.asked.request.options) else _MOST_LOSSES
        stuck = self._stuck_since is not None and time.monotonic() - self._stuck_since > self.fleet.patience
        return stuck or self._losses >= most or self._tries >= _MOST_TRIES

    def _continues(self, lease: Lease) -> bool:
        request = self.task.asked.request
        wanted = Feature.CONTINUATION if request.messages else Feature.COMPLETION
        return wanted in lease.replica.engine.support and self._journal.resumable(request)

    def _rest(self) -> pb.GenerateRequest | None:
        """What is still to be written; None if the limit is reached already."""
        request, tokens, text = self.task.asked.request, self._journal.tokens, self._journal.text
        if request.options.HasField("max_tokens") and tokens >= request.options.max_tokens:
            return None
        return continued(request, self.task.harmless(text) if request.messages else text, tokens)


def _delicate(options: pb.GenerationOptions) -> bool:
    """Whether the engine compiles something of the request's, the part of it that is known to have crashed."""
    return is_shaped(options) or bool(options.tools)
