"""A served model: queue, engine, and the engine's death."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any

import pytest

import soban.v1 as pb
from soban.generation.admission import Admission
from soban.generation.choices import ChoiceEvent
from soban.generation.engine import Description, Piece, Started
from soban.generation.measure import Record
from soban.generation.served import ServedModel
from soban.runtime.errors import EngineLost, EngineOverloaded, InvalidField, NoReplica, QueueFull, SobanError
from unit.generation.conftest import ask
from unit.generation.fakes import END, FakeEngine, FakeReplica, Step

TEXT = Piece("안녕하세요", tokens=2)
LOST = EngineLost("the connection broke")


def _admission(capacity: int, queue_limit: int) -> Admission:
    admission = Admission(queue_limit, 1.0, lambda: "no engine is ready")
    admission.set_capacity(capacity)
    return admission


class Model(ServedModel):
    """Started, with its warm-up over."""

    @classmethod
    async def started(cls, *plays: list[Step], parallel: int = 4, queue: int = 8, wait: float = 5.0) -> Model:
        engine, replica = FakeEngine(*plays), FakeReplica()
        first = engine.plays
        engine.plays = [[END]]
        model = cls("ko", engine=engine, replica=replica, admission=_admission(parallel, queue), return_seconds=wait)
        model.engine, model.fake_replica = engine, replica
        await model.start()
        engine.plays = first
        engine.asked.clear()
        return model

    engine: FakeEngine
    fake_replica: FakeReplica

    async def run(self, request: pb.GenerateRequest | None = None, deadline: float | None = None) -> list[ChoiceEvent]:
        async with aclosing(self.generate(request or ask(), deadline, Record())) as events:
            return [item async for item in events]


async def test_a_model_is_warmed_before_it_serves() -> None:
    """With one token through the chat template."""
    engine, replica = FakeEngine(), FakeReplica()
    model = ServedModel("ko", engine=engine, replica=replica, admission=_admission(1, 1), return_seconds=1)
    await model.start()
    ((request, _),) = engine.asked
    assert request.messages
    assert request.options.max_tokens == 1
    await model.stop()
    assert replica.stopped


async def test_a_failed_warm_up_does_not_keep_a_model_from_serving() -> None:
    """The log tells."""
    engine = FakeEngine([EngineOverloaded("busy")])
    model = ServedModel("ko", engine=engine, replica=FakeReplica(), admission=_admission(1, 1), return_seconds=1)
    await model.start()
    assert model.replica.ready


async def test_events_pass_through_and_leave_their_numbers() -> None:
    """Usage, throughput and the slot that is free again."""
    model = await Model.started([Started(), TEXT, END])
    record = Record()
    async with aclosing(model.generate(ask(), None, record)) as events:
        assert [item.event async for item in events] == [Started(), TEXT, END]
    assert (record.usage.input_tokens, record.usage.output_tokens) == (5, 3)
    assert model.throughput.per_second() == 0.2
    assert (model.admission.running, model.admission.queued) == (0, 0)


async def test_without_an_engine_there_is_no_waiting() -> None:
    """UNAVAILABLE, and when to come again."""
    model = await Model.started()
    model.fake_replica.ready = False
    with pytest.raises(NoReplica) as caught:
        await model.run()
    assert caught.value.retry_after
    assert not model.engine.asked


async def test_a_request_without_text_is_sent_once_more() -> None:
    """Its caller sees one answer, with one start."""
    model = await Model.started([Started(), LOST], [Started(), TEXT, END])
    assert [item.event for item in await model.run()] == [Started(), TEXT, END]
    assert len(model.engine.asked) == 2


async def test_it_waits_for_an_engine_that_is_coming_back() -> None:
    """And counts as held meanwhile."""
    model = await Model.started([LOST], [Started(), TEXT, END])
    model.engine.alive = False
    running = asyncio.create_task(model.run())
    while not model.held:
        await asyncio.sleep(0)
    model.engine.alive = True
    assert [item.event for item in await running] == [Started(), TEXT, END]
    assert model.held == 0


async def test_a_request_is_not_sent_a_third_time() -> None:
    """It may be what kills the engine."""
    model = await Model.started([LOST])
    with pytest.raises(EngineLost):
        await model.run()
    assert len(model.engine.asked) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"response_format": pb.ResponseFormat(grammar='root ::= "네"')},
        {"response_format": pb.ResponseFormat(json_schema="{}")},
        {"response_format": pb.ResponseFormat(json_object=pb.ResponseFormat.JsonObject())},
        {"tools": [pb.Tool(name="t")]},
    ],
)
async def test_what_the_engine_compiles_is_never_sent_again(options: dict[str, Any]) -> None:
    """A grammar may be what kills it."""
    model = await Model.started([LOST], [Started(), TEXT, END])
    with pytest.raises(EngineLost):
        await model.run(ask(**options))
    assert len(model.engine.asked) == 1


async def test_text_that_was_shown_is_never_written_again() -> None:
    """The call ends UNAVAILABLE."""
    model = await Model.started([Started(), TEXT, LOST], [Started(), TEXT, END])
    with pytest.raises(EngineLost):
        await model.run()
    assert len(model.engine.asked) == 1


async def test_an_engine_that_stays_away_is_not_waited_for_longer_than_allowed() -> None:
    """Nor beyond the deadline."""
    model = await Model.started([LOST], wait=0.0)
    model.engine.alive = False
    with pytest.raises(EngineLost):
        await model.run()
    patient = await Model.started([LOST], wait=600.0)
    patient.engine.alive = False
    with pytest.raises(EngineLost):
        await patient.run(deadline=time.monotonic())


@pytest.mark.parametrize("error", [EngineOverloaded("busy"), InvalidField("no", field="options")])
async def test_other_errors_are_final(error: SobanError) -> None:
    """The engine lives, so trying again at once would not help."""
    model = await Model.started([error])
    with pytest.raises(type(error)):
        await model.run()
    assert len(model.engine.asked) == 1


async def test_every_choice_takes_a_slot() -> None:
    """Three of four are taken, so two more have to wait, and one has not."""
    gate = asyncio.Event()
    model = await Model.started([gate, END])
    running = [asyncio.create_task(model.run(ask(n=count))) for count in (3, 2, 1)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert (model.admission.running, model.admission.queued) == (3, 2)
    gate.set()
    await asyncio.gather(*running)


async def test_a_full_queue_is_refused() -> None:
    """RESOURCE_EXHAUSTED."""
    gate = asyncio.Event()
    model = await Model.started([gate, END], parallel=1, queue=0)
    running = asyncio.create_task(model.run())
    while not model.admission.running:
        await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        await model.run()
    gate.set()
    await running


async def test_leaving_early_frees_slot_and_engine() -> None:
    """At once."""
    model = await Model.started([Started(), TEXT, asyncio.Event()])
    async with aclosing(model.generate(ask(), None, Record())) as events:
        await anext(events)
        await anext(events)
        assert model.admission.running == 1
    assert model.admission.running == 0
    assert model.engine.closed == 2


async def test_what_the_model_can_never_answer_is_refused_before_the_queue() -> None:
    """More choices than slots; tools without a place in the template."""
    model = await Model.started(parallel=2)
    with pytest.raises(InvalidField) as caught:
        model.check(ask(n=3))
    assert caught.value.field == "options.n"
    toolless = FakeEngine()
    toolless.description = Description(context_length=64, slots=1, tools=False)
    plain = ServedModel("ko", engine=toolless, replica=FakeReplica(), admission=_admission(2, 2), return_seconds=1)
    await plain.start()
    with pytest.raises(InvalidField) as caught:
        plain.check(ask(tools=[pb.Tool(name="t")]))
    assert caught.value.field == "options.tools"


async def test_an_engine_that_does_not_describe_itself_is_asked_again_later() -> None:
    """Its model is served all the same."""
    model = await Model.started()
    silent = FakeEngine()
    silent.description = EngineLost("no llama.cpp")
    other = ServedModel("ko", engine=silent, replica=FakeReplica(), admission=_admission(2, 2), return_seconds=1)
    await other.start()
    assert await other.description() is None
    silent.description = Description(context_length=64, slots=1, tools=False)
    assert await other.description() == silent.description
    assert await model.description() is not None
