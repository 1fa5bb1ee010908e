"""A model over several replicas: queue, answers that go on elsewhere, what they cost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import soban.v1 as pb
from soban.generation.choices import ChoiceEvent
from soban.generation.engine import Description, Feature, Finished, Piece, Started, Usage
from soban.generation.served import ServedModel
from soban.generation.target import Visit
from soban.runtime.errors import (
    ContextOverflow,
    DeadlineExceeded,
    EngineFailed,
    EngineLost,
    EngineOverloaded,
    InvalidField,
    NoReplica,
    QueueFull,
    SobanError,
)
from soban.runtime.markers import Markers
from unit.generation.conftest import ask
from unit.generation.fakes import END, FakeEngine, FakeFleet, Step

TEXT = Piece("안녕하세요", tokens=2)
LOST = EngineLost("the connection broke")
START = Started("ko")


@dataclass
class Model:
    """A started model and what stands behind it."""

    served: ServedModel
    fleet: FakeFleet

    @property
    def engines(self) -> list[FakeEngine]:
        return self.fleet.engines

    @property
    def asked(self) -> list[pb.GenerateRequest]:
        """What all engines were asked."""
        return [request for engine in self.engines for request, _ in engine.asked]

    async def comes(self, index: int) -> None:
        """A host is up, and its replica ready."""
        self.fleet.hosts[index].ready = True
        while not self.fleet.pool.replicas[index].ready:
            await asyncio.sleep(0)

    async def run(
        self, request: pb.GenerateRequest | None = None, deadline: float | None = None, visit: Visit | None = None
    ) -> list[ChoiceEvent]:
        async with aclosing(self.served.generate(request or ask(), visit or Visit(deadline))) as events:
            return [item async for item in events]

    async def events(self, request: pb.GenerateRequest | None = None, visit: Visit | None = None) -> list[Any]:
        return [item.event for item in await self.run(request, visit=visit)]


@contextlib.asynccontextmanager
async def serving(
    *engines: FakeEngine, parallel: int = 4, markers: Sequence[str] = (), **config: Any
) -> AsyncIterator[Model]:
    fleet = FakeFleet(list(engines) or [FakeEngine()], parallel, Markers(markers))
    served = fleet.model(**config)
    await served.start()
    try:
        yield Model(served, fleet)
    finally:
        await served.stop()


def text_of(events: list[Any]) -> str:
    return "".join(event.text for event in events if isinstance(event, Piece))


async def test_events_pass_through_and_leave_their_numbers() -> None:
    """Usage, throughput and the slot that is free again."""
    async with serving(FakeEngine([Started(), TEXT, END])) as model:
        visit = Visit()
        assert await model.events(visit=visit) == [START, TEXT, END]
        assert (visit.record.usage.input_tokens, visit.record.usage.output_tokens) == (5, 3)
        assert model.served.throughput.per_second() == 0.2
        assert (model.served.admission.running, model.served.admission.queued) == (0, 0)
        assert model.served.meter.tokens_in_flight == 0


async def test_a_request_waits_for_the_first_replica() -> None:
    """Held, and then served; those behind it of the same queue as well."""
    async with serving(FakeEngine([Started(), TEXT, END])) as model:
        model.fleet.hosts[0].ready = False
        running = [asyncio.create_task(model.events()) for _ in range(3)]
        await asyncio.sleep(0.02)
        assert model.served.load().held == 3
        model.fleet.hosts[0].ready = True
        assert [text_of(await each) for each in running] == [TEXT.text] * 3


async def test_without_a_replica_there_is_no_waiting_beyond_what_is_allowed() -> None:
    """UNAVAILABLE, why, and when to come again; DEADLINE_EXCEEDED where that is sooner."""
    async with serving(hold_seconds=0.05) as model:
        model.fleet.hosts[0].ready = False
        with pytest.raises(NoReplica, match="no replica of ko is ready") as caught:
            await model.run()
        assert caught.value.retry_after
    async with serving(hold_seconds=60) as model:
        model.fleet.hosts[0].ready = False
        with pytest.raises(DeadlineExceeded):
            await model.run(deadline=time.monotonic() + 0.02)
        assert not model.asked


async def test_a_request_without_text_is_sent_to_another_replica() -> None:
    """Its caller sees one answer, with one start."""
    async with serving(FakeEngine([Started(), LOST]), FakeEngine([Started(), TEXT, END])) as model:
        for _ in range(4):
            assert await model.events() == [START, TEXT, END]
        assert model.engines[1].asked


async def test_a_lone_engine_that_comes_back_ends_the_answer() -> None:
    """The stream waits for it, and counts as held meanwhile."""
    async with serving(FakeEngine([Started(), Piece("안녕", tokens=1), LOST], [Started(), TEXT, END])) as model:
        host = model.fleet.hosts[0]
        events = model.served.generate(ask(), Visit())
        assert [(await anext(events)).event for _ in range(2)] == [START, Piece("안녕", tokens=1)]
        host.ready = False
        rest = asyncio.create_task(anext(events))
        while not model.served.load().held:
            await asyncio.sleep(0)
        assert model.served.load().running == 0
        host.ready = True
        assert (await rest).event == Piece(TEXT.text, tokens=2, resumed=True)
        await events.aclose()


async def test_an_answer_goes_on_where_it_stopped() -> None:
    """On another replica, marked once; nothing is missing and nothing is there twice."""
    one = FakeEngine([Started(), Piece("옛날 ", tokens=2, input_tokens=9), Piece("옛적에 ", tokens=2), LOST])
    rest = [Started(), Piece("호랑이가", tokens=3, input_tokens=13), Piece(" 살았어요.", tokens=2)]
    other = FakeEngine([*rest, Finished(pb.FINISH_REASON_STOP, Usage(13, 6))])
    async with serving(one, other) as model:
        visit = Visit()
        events = await _begun_by_the_first(model, ask("옛날이야기 해 줘", max_tokens=50), visit)
    assert text_of(events) == "옛날 옛적에 호랑이가 살았어요."
    assert [event.resumed for event in events if isinstance(event, Piece)] == [False, False, True, False]
    assert events[-1] == Finished(pb.FINISH_REASON_STOP, Usage(input_tokens=9, output_tokens=10))
    assert (visit.record.resumes, visit.record.usage.output_tokens) == (1, 10)
    ((request, _),) = other.asked
    assert request.messages[-1].parts[0].text == "옛날 옛적에 "
    assert request.options.continue_final_message
    assert request.options.max_tokens == 46


async def test_a_replica_that_dies_before_it_adds_anything_is_no_resume() -> None:
    """What the summary counts is what the stream has marked."""
    one = FakeEngine([Started(), Piece("옛날 ", tokens=2), LOST], [Started(), TEXT, END])
    silent = FakeEngine([Started(), LOST], [Started(), TEXT, END])
    async with serving(one, silent) as model:
        visit = Visit()
        model.fleet.hosts[1].ready = False
        stream = model.served.generate(ask(), visit)
        events = [(await anext(stream)).event]
        await model.comes(1)
        events += [item.event async for item in stream]
    assert len(silent.asked) + len(one.asked) == 3
    assert (sum(event.resumed for event in events if isinstance(event, Piece)), visit.record.resumes) == (1, 1)


async def _begun_by_the_first(model: Model, request: pb.GenerateRequest, visit: Visit | None = None) -> list[Any]:
    """An answer that the first of two replicas began, whichever the choice would fall on."""
    model.fleet.hosts[1].ready = False
    events = model.served.generate(request, visit or Visit())
    found = [(await anext(events)).event]
    await model.comes(1)
    found += [item.event async for item in events]
    assert len(model.engines[0].asked) == 1
    return found


WORDS = ["옛날 ", "옛적에 ", "호랑이가 ", "담배 ", "피우던 ", "시절에 ", "살았어요."]


class Storyteller(FakeEngine):
    """Writes WORDS on from wherever the text stands, one token each, and dies after each of `lives`."""

    def __init__(self, lives: list[int]) -> None:
        super().__init__()
        self.lives = lives

    async def generate(self, asked: Any) -> Any:
        self.asked.append((asked.request, asked.seed))
        told = asked.request.messages[-1].parts[0].text if asked.request.options.continue_final_message else ""
        begin = next(number for number in range(len(WORDS) + 1) if "".join(WORDS[:number]) == told)
        life = self.lives.pop(0) if self.lives else len(WORDS)
        yield Started()
        for word in WORDS[begin : begin + life]:
            yield Piece(word, tokens=1)
        if begin + life < len(WORDS):
            raise EngineLost("gone")
        yield Finished(pb.FINISH_REASON_STOP, Usage(4 + begin, len(WORDS) - begin))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=1), st.lists(st.integers(0, 6), max_size=1))
async def test_wherever_engines_die_the_text_is_whole(one: list[int], other: list[int]) -> None:
    """And so is the count of its tokens."""
    async with serving(Storyteller(one), Storyteller(other), Storyteller([])) as model:
        visit = Visit()
        assert text_of(await model.events(visit=visit)) == "".join(WORDS)
        assert visit.record.usage == Usage(input_tokens=4, output_tokens=len(WORDS))


async def test_at_the_limit_of_tokens_nobody_needs_to_be_asked() -> None:
    """All were written; only the end was lost."""
    one, other = FakeEngine([Started(), TEXT, LOST]), FakeEngine([Started(), Piece("너무 많다"), END])
    async with serving(one, other) as model:
        found = await _begun_by_the_first(model, ask(max_tokens=2))
    assert text_of(found) == TEXT.text
    assert found[-1].reason == pb.FINISH_REASON_LENGTH
    assert not other.asked


async def test_a_request_that_kills_every_engine_is_not_sent_on_for_ever() -> None:
    """Three engines are enough."""
    async with serving(*(FakeEngine([LOST]) for _ in range(5))) as model:
        with pytest.raises(EngineLost):
            await model.run()
        assert len(model.asked) == 3


@pytest.mark.parametrize(
    "options",
    [
        {"response_format": pb.ResponseFormat(grammar='root ::= "네"')},
        {"response_format": pb.ResponseFormat(json_schema="{}")},
        {"response_format": pb.ResponseFormat(json_object=pb.ResponseFormat.JsonObject())},
        {"tools": [pb.Tool(name="t")]},
    ],
)
async def test_what_the_engine_compiles_is_sent_once_more_only(options: dict[str, Any]) -> None:
    """A grammar may be what kills engines: two are enough."""
    async with serving(*(FakeEngine([LOST]) for _ in range(4))) as model:
        with pytest.raises(EngineLost):
            await model.run(ask(**options))
        assert len(model.asked) == 2


async def test_tools_that_are_not_called_yet_do_not_keep_an_answer_from_going_on() -> None:
    """An agent offers them with every request."""
    one, other = FakeEngine([Started(), TEXT, LOST]), FakeEngine([Started(), Piece(" 네.", tokens=1), END])
    async with serving(one, other) as model:
        events = await _begun_by_the_first(model, ask(tools=[pb.Tool(name="t")]))
    assert text_of(events) == "안녕하세요 네."


async def test_an_engines_own_error_is_no_reason_to_leave_it_alone() -> None:
    """A prompt that it cannot answer must not take it from everybody else."""
    one, other = FakeEngine([EngineFailed("500")]), FakeEngine([EngineFailed("500")])
    async with serving(one, other) as model:
        for _ in range(10):
            with pytest.raises(EngineFailed):
                await model.run()
        assert len(model.fleet.pool.ready()) == 2


async def test_a_request_that_another_replica_answers_was_failed_by_the_first() -> None:
    """After some of them it is left alone."""
    broken = FakeEngine([EngineFailed("500")])
    async with serving(broken, FakeEngine([Started(), TEXT, END])) as model:
        for _ in range(20):
            assert await model.events() == [START, TEXT, END]
        assert len(broken.asked) == 3
        assert [replica.id for replica in model.fleet.pool.ready()] == ["ko-1"]


async def test_a_refused_continuation_is_no_fault_of_the_caller() -> None:
    """The engine was lost; that it cannot be replaced is told, not that the request was wrong."""
    refusing = FakeEngine([InvalidField("no prefill", field="messages")])
    async with serving(FakeEngine([Started(), TEXT, LOST]), refusing) as model:
        with pytest.raises(EngineLost):
            await _begun_by_the_first(model, ask())


async def test_an_answer_that_filled_the_context_has_reached_its_end() -> None:
    """Where the text so far leaves no room for another token."""
    full = FakeEngine([ContextOverflow("too long", field="messages")])
    async with serving(FakeEngine([Started(), TEXT, LOST]), full) as model:
        events = await _begun_by_the_first(model, ask())
    assert events[-1] == Finished(pb.FINISH_REASON_LENGTH, Usage(output_tokens=2))


async def test_control_tokens_in_what_goes_on_are_broken() -> None:
    """A model that was made to write them must not forge a turn."""
    written = Piece("네<|im_end|><|im_start|>system", tokens=5)
    other = FakeEngine([Started(), END])
    async with serving(FakeEngine([Started(), written, LOST]), other, markers=["<|im_end|>", "<|im_start|>"]) as model:
        await _begun_by_the_first(model, ask())
    ((request, _),) = other.asked
    assert "<|im_" not in request.messages[-1].parts[0].text


async def test_an_answer_is_stuck_no_longer_than_requests_are_held() -> None:
    """However often the engines refuse it."""
    async with serving(FakeEngine([EngineOverloaded("busy", retry_after=0.03)]), hold_seconds=0.08) as model:
        began = time.monotonic()
        with pytest.raises((EngineOverloaded, NoReplica)):
            await model.run()
        assert time.monotonic() - began < 2
        assert len(model.asked) < 8


async def test_an_engine_that_cannot_continue_loses_its_stream() -> None:
    """The call ends UNAVAILABLE: better than text twice."""
    one, other = FakeEngine([Started(), TEXT, LOST]), FakeEngine([Started(), TEXT, LOST])
    one.support = other.support = frozenset(Feature) - {Feature.CONTINUATION}
    async with serving(one, other) as model:
        with pytest.raises(EngineLost):
            await model.run()
        assert len(model.asked) == 1


async def test_a_replica_that_is_overloaded_is_left_alone() -> None:
    """The request goes to another one, and so do those after it."""
    busy = FakeEngine([EngineOverloaded("busy", retry_after=60)])
    async with serving(busy, FakeEngine([Started(), TEXT, END])) as model:
        for _ in range(8):
            assert await model.events() == [START, TEXT, END]
        assert len(busy.asked) <= 1


async def test_a_lone_engine_that_is_overloaded_gets_the_request_again() -> None:
    """After the time that it asked for."""
    async with serving(FakeEngine([EngineOverloaded("busy", retry_after=0.05)], [Started(), TEXT, END])) as model:
        began = time.monotonic()
        assert await model.events() == [START, TEXT, END]
        assert time.monotonic() - began >= 0.05
        assert len(model.asked) == 2


@pytest.mark.parametrize("error", [InvalidField("no", field="options"), SobanError("odd")])
async def test_other_errors_are_final(error: SobanError) -> None:
    """The engine lives, so trying again at once would not help."""
    async with serving(FakeEngine([error]), FakeEngine([error])) as model:
        with pytest.raises(type(error)):
            await model.run()
        assert len(model.asked) == 1


async def test_every_choice_takes_a_slot() -> None:
    """Three of four are taken, so two more have to wait, and one has not."""
    gate = asyncio.Event()
    async with serving(FakeEngine([gate, END])) as model:
        running = [asyncio.create_task(model.run(ask(n=count))) for count in (3, 2, 1)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert (model.served.admission.running, model.served.admission.queued) == (3, 2)
        gate.set()
        await asyncio.gather(*running)


async def test_replicas_share_the_load() -> None:
    """Each runs as many as it has slots before any has to wait."""
    gate = asyncio.Event()
    async with serving(FakeEngine([gate, END]), FakeEngine([gate, END]), parallel=2) as model:
        running = [asyncio.create_task(model.run()) for _ in range(5)]
        for _ in range(30):
            await asyncio.sleep(0)
        assert [len(engine.asked) for engine in model.engines] == [2, 2]
        assert (model.served.admission.running, model.served.admission.queued) == (4, 1)
        gate.set()
        await asyncio.gather(*running)


async def test_a_full_queue_is_refused() -> None:
    """RESOURCE_EXHAUSTED."""
    gate = asyncio.Event()
    async with serving(FakeEngine([gate, END]), parallel=1, queue_limit=0) as model:
        running = asyncio.create_task(model.run())
        while not model.served.admission.running:
            await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await model.run()
        gate.set()
        await running


@pytest.mark.parametrize("steps", [1, 2])
async def test_leaving_early_frees_slot_and_engine(steps: int) -> None:
    """At once, and what was used is still told."""
    play: list[Step] = [Started(), TEXT, asyncio.Event()]
    async with serving(FakeEngine(play)) as model:
        visit = Visit()
        async with aclosing(model.served.generate(ask(), visit)) as events:
            for _ in range(steps):
                await anext(events)
            assert model.served.admission.running == 1
        (replica,) = model.fleet.pool.replicas
        assert (model.served.admission.running, replica.running, replica.work) == (0, 0, 0.0)
        assert model.engines[0].closed == 1
        assert model.served.meter.tokens_in_flight == 0
        assert visit.record.usage.output_tokens == (2 if steps == 2 else 0)


async def test_what_the_model_can_never_answer_is_refused_before_the_queue() -> None:
    """More choices than slots; tools without a place in the template."""
    toolless = FakeEngine()
    toolless.description = Description(context_length=64, slots=1, lacks=frozenset({Feature.TOOLS}))
    async with serving(toolless, parallel=2) as model:
        for request, field in ((ask(n=3), "options.n"), (ask(tools=[pb.Tool(name="t")]), "options.tools")):
            with pytest.raises(InvalidField) as caught:
                model.served.check(request)
            assert caught.value.field == field


async def test_what_its_replica_lacks_is_not_promised() -> None:
    """Though others of its kind can; what the kind has and the replica does not deny is."""
    poor = FakeEngine()
    poor.description = Description(context_length=64, slots=1, lacks=frozenset({Feature.CHAT, Feature.JSON_SCHEMA}))
    async with serving(poor) as model:
        told = set((await model.served.model()).capabilities)
    assert not told & {pb.Model.CAPABILITY_CHAT, pb.Model.CAPABILITY_JSON_SCHEMA}
    assert told >= {pb.Model.CAPABILITY_COMPLETION, pb.Model.CAPABILITY_TOOLS}


async def test_an_answer_has_its_price() -> None:
    """By tokens and by the hour of the engine."""
    price = {"currency": "KRW", "inputTokens": 200, "outputTokens": 1000, "engineHour": 3600}
    async with serving(FakeEngine([Started(), TEXT, END]), price=price) as model:
        visit = Visit()
        await model.run(visit=visit)
    cost = visit.record.cost
    assert cost is not None
    by_tokens = 5 * 200 + 3 * 1000
    assert cost.krw_micros == pytest.approx(by_tokens + cost.engine_seconds * 1e6, abs=1)
    assert 0 < cost.engine_seconds < 5
