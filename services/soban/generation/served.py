"""A model that is served: its queue, its replicas, and what an answer from them costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

import soban.v1 as pb
from soban.generation.admission import Admission, Claim, Place
from soban.generation.answering import Answering, Task
from soban.generation.choices import ChoiceEvent, all_choices, choice_count, choice_seeds
from soban.generation.choosing.demand import Demand
from soban.generation.choosing.prefix import prefix_of
from soban.generation.cost import Pricer
from soban.generation.description import Card, model_of
from soban.generation.engine import Engine, EngineRequest, Feature, Piece, Usage
from soban.generation.fleet import Fleet
from soban.generation.instruments import Spending
from soban.generation.load import load_of
from soban.generation.measure import Record
from soban.generation.pool import Pool
from soban.generation.prompt import Preparation, Prepared, under_profile
from soban.generation.target import Visit
from soban.generation.throughput import Throughput
from soban.generation.work import Estimator, WorkItem, WorkMeter
from soban.runtime.errors import InvalidField
from soban.runtime.markers import Markers
from soban.runtime.model_settings import ProfileConfig

# Copying and normalising more than this takes over a millisecond and is done beside the event loop.
_LARGE_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Variant:
    """A name under which a model answers: its own, or a domain profile's."""

    name: str
    preparation: Preparation
    adapter: str = ""

    async def prepare(self, request: pb.GenerateRequest) -> Prepared:
        """As `Preparation.prepare`."""
        if request.ByteSize() > _LARGE_BYTES:
            return await asyncio.to_thread(self.preparation.prepare, request)
        return self.preparation.prepare(request)


class ServedModel:
    """The Target of one entry of `models`. `speaker` is an engine of its kind, asked only what that kind can do."""

    def __init__(
        self,
        name: str,
        card: Card,
        markers: Markers,
        *,
        speaker: Engine,
        pool: Pool,
        fleet: Fleet,
        admission: Admission,
        pricer: Pricer,
        spending: Spending,
    ) -> None:
        self.card = card
        self.pool = pool
        self.fleet = fleet
        self.admission = admission
        self.throughput = Throughput()
        self.estimator = Estimator()
        self.meter = WorkMeter()
        self._markers = markers
        self._own = Variant(name, Preparation(f"models.{name}", card.config, markers))
        self._speaker = speaker
        self._pricer = pricer
        self._spending = spending
        pool.on_change(self._capacity_changed)

    @property
    def name(self) -> str:
        """As `Target.name`."""
        return self._own.name

    @property
    def engine(self) -> str:
        """As `Target.engine`."""
        return self.card.config.engine

    async def start(self) -> None:
        """Starts what is ours and looks for the rest. Raises ConfigError when an engine of ours cannot start."""
        await self.pool.start()

    async def stop(self) -> None:
        """Ends engines of ours."""
        await self.pool.stop()

    async def model(self) -> pb.Model:
        """As `Target.model`."""
        return model_of(self.name, self.card, self.pool, self._speaker.support)

    def load(self) -> pb.ModelLoad:
        """Its load now."""
        return load_of(
            self.name,
            pool=self.pool,
            queue=self.admission,
            work=self.meter,
            speed=self.throughput,
            stranded=self.fleet.stranded,
        )

    def variant(self, name: str, profile: ProfileConfig) -> Variant:
        """The model under the name of a profile. Raises ConfigError for sampling that cannot be."""
        preparation = Preparation(f"profiles.{name}", under_profile(self.card.config, profile), self._markers)
        return Variant(name, preparation, profile.adapter or "")

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Target.check`."""
        if choice_count(request) > self.card.config.parallel:
            raise InvalidField(
                f"an engine of this model runs {self.card.config.parallel} sequences at once, no more",
                field="options.n",
            )
        told = self.pool.description if request.options.tools else None
        if told is not None and Feature.TOOLS in told.lacks:
            raise InvalidField("this model's chat template or engine has no place for tools", field="options.tools")
        self._speaker.check(request)

    async def generate(
        self, request: pb.GenerateRequest, visit: Visit, variant: Variant | None = None
    ) -> AsyncGenerator[ChoiceEvent, None]:
        """As `Target.generate`, under the name of `variant`; without one under its own."""
        variant = variant or self._own
        prepared = await variant.prepare(request)
        visit.record.normalized |= prepared.normalized
        work = self.estimator.estimate(prepared.request)
        items = [self.meter.arrive(work.of_one()) for _ in range(work.sequences)]
        claim = Claim(len(items), request.priority, request.tenant, work.total, visit.deadline)
        try:
            async with self.admission.place(claim) as place:
                visit.record.admitted()
                answers = self._answers(prepared.request, variant, items, visit, place)
                async with aclosing(self._noted(answers, visit.record, request)) as events:
                    async for event in events:
                        yield event
                place.completed = True
                self.estimator.learn(work, _whole(answers))
        finally:
            for item in items:
                item.leave()

    def _answers(
        self, request: pb.GenerateRequest, variant: Variant, items: list[WorkItem], visit: Visit, place: Place
    ) -> list[Answering]:
        prefix = prefix_of(request, variant.adapter)

        async def requeue(retry_after: float | None) -> None:
            await place.requeue(retry_after, 1)

        def answering(seed: int | None, item: WorkItem) -> Answering:
            work = item.work
            demand = Demand(work.prompt, work.decode, prefix, session=request.session, adapter=variant.adapter)
            asked = EngineRequest(request, seed, variant.adapter)
            task = Task(variant.name, asked, demand, item, visit.deadline, requeue, self._markers.broken)
            return Answering(self.fleet, task)

        return list(map(answering, choice_seeds(request), items))

    async def _noted(
        self, answers: list[Answering], record: Record, request: pb.GenerateRequest
    ) -> AsyncGenerator[ChoiceEvent, None]:
        """The events of all answers; what they used is written down however they end."""
        try:
            async with aclosing(all_choices([answer.events() for answer in answers])) as events:
                async for item in events:
                    if isinstance(item.event, Piece):
                        self.throughput.add(item.event.tokens)
                    yield item
        finally:
            self._account(answers, record, request)

    def _account(self, answers: list[Answering], record: Record, request: pb.GenerateRequest) -> None:
        used = Record()
        used.usage = _whole(answers)
        used.resumes = sum(answer.resumes for answer in answers)
        seconds = sum(answer.engine_seconds for answer in answers)
        prompts = len(answers) if self.card.config.engine == "external" else 1
        used.charge(self._pricer.price(used.usage, seconds, prompts))
        self._spending.add(self.name, request.tenant, used.usage, seconds, used.cost)
        record.add(used)

    def _capacity_changed(self) -> None:
        self.admission.set_capacity(self.pool.capacity)


def _whole(answers: list[Answering]) -> Usage:
    """Of all answers to a request. The prompt is the same for all and counts once."""
    first, *others = (answer.usage for answer in answers)
    return sum((replace(usage, input_tokens=0, cached_input_tokens=0) for usage in others), first)
