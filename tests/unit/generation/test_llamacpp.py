"""The adapter over HTTP, against a fake server that plays back recorded streams."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any, NoReturn

import pytest
from aiohttp import ClientSession, ConnectionTimeoutError, TCPConnector

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Event, Finished, Piece, Started, Usage
from soban.generation.engines.http import Endpoint, EngineHttp, open_session
from soban.generation.engines.llamacpp import LlamaCpp
from soban.generation.engines.pace import Pace
from soban.runtime.errors import ContextOverflow, EngineFailed, EngineLost, NoReplica
from unit.generation import recorded
from unit.generation.conftest import ask, llama_cpp
from unit.generation.fake_llama import FakeLlama, Script, streaming

ANSWER = recorded.chat("안녕", "하세요", "!")


async def events_of(
    engine: LlamaCpp, request: pb.GenerateRequest | None = None, seed: int | None = None
) -> list[Event]:
    async with aclosing(engine.generate(EngineRequest(request or ask(), seed))) as events:
        return [event async for event in events]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Piece))


async def test_an_answer_begins_comes_in_pieces_and_ends(llama: FakeLlama, engine: LlamaCpp) -> None:
    """With exact usage."""
    llama.scripts = [streaming(ANSWER)]
    events = await events_of(engine)
    assert events[0] == Started()
    assert text_of(events) == "안녕하세요!"
    assert events[-1] == Finished(pb.FINISH_REASON_STOP, Usage(35, 4, 24, 0))


async def test_the_request_carries_key_and_seed(llama: FakeLlama, engine: LlamaCpp) -> None:
    """To the chat endpoint, as a stream."""
    await events_of(engine, seed=7)
    assert llama.paths == ["/v1/chat/completions"]
    assert llama.keys == ["Bearer key"]
    assert (llama.requests[0]["seed"], llama.requests[0]["stream"]) == (7, True)


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_bytes_may_arrive_in_any_pieces(llama: FakeLlama, engine: LlamaCpp, size: int) -> None:
    """Signs of life between them."""
    stream = recorded.PING + recorded.chat("밥", " 먹었어", "? 🍚")
    llama.scripts = [streaming(*(stream[at : at + size] for at in range(0, len(stream), size)))]
    assert text_of(await events_of(engine)) == "밥 먹었어? 🍚"


async def test_a_piece_comes_as_soon_as_its_token(llama: FakeLlama, engine: LlamaCpp) -> None:
    """Nothing waits for the next one."""
    gate = asyncio.Semaphore(0)
    llama.scripts = [streaming(recorded.ROLE, recorded.delta("네", 1), recorded.delta(".", 2), gate=gate, hang=True)]
    async with aclosing(engine.generate(EngineRequest(ask()))) as events:
        gate.release()
        assert await anext(events) == Started()
        gate.release()
        assert await anext(events) == Piece("네", tokens=1, input_tokens=35)
        gate.release()
        assert await anext(events) == Piece(".", tokens=1)


async def test_closing_the_answer_closes_the_connection(llama: FakeLlama, engine: LlamaCpp) -> None:
    """So that the engine frees the slot."""
    llama.scripts = [streaming(recorded.ROLE, recorded.delta("네", 1), hang=True)]
    async with aclosing(engine.generate(EngineRequest(ask()))) as events:
        await anext(events)
        await anext(events)
    await asyncio.wait_for(llama.closed.wait(), 5)


async def test_cancelling_the_reader_closes_the_connection(llama: FakeLlama, engine: LlamaCpp) -> None:
    """Also while it waits for the first byte."""
    llama.scripts = [streaming(recorded.ROLE, hang=True)]
    reader = asyncio.create_task(events_of(engine))
    while not llama.open_streams:
        await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await asyncio.wait_for(llama.closed.wait(), 5)


async def test_a_stop_text_ends_the_work_of_the_engine(llama: FakeLlama, engine: LlamaCpp) -> None:
    """It does not know of the stop text and would go on."""
    llama.scripts = [streaming(recorded.ROLE, recorded.delta("네.\n질", 3), recorded.delta("문: 뭐", 5), hang=True)]
    events = await events_of(engine, ask(stop=["\n질문:"]))
    assert text_of(events) == "네."
    assert events[-1] == Finished(pb.FINISH_REASON_STOP, Usage(35, 5, 24, 0), "\n질문:")
    await asyncio.wait_for(llama.closed.wait(), 5)


@pytest.mark.parametrize(
    "script",
    [
        streaming(cut=True),
        streaming(recorded.ROLE, cut=True),
        streaming(recorded.ROLE, recorded.delta("네", 1), cut=True),
        streaming(recorded.ROLE, recorded.delta("네", 1)),
        streaming(recorded.ROLE, recorded.delta("네", 1)[:-20]),
    ],
    ids=["no answer", "cut early", "cut late", "no end", "half an event"],
)
async def test_an_engine_that_breaks_is_lost(llama: FakeLlama, engine: LlamaCpp, script: Script) -> None:
    """Never an answer that looks whole."""
    llama.scripts = [script]
    with pytest.raises(EngineLost):
        await events_of(engine)


@pytest.mark.parametrize(
    "script",
    [
        streaming(recorded.event(b"{not json}")),
        streaming(b"data: " + b"x" * 5_000_000),
        Script(status=500, body=recorded.COMPUTE_ERROR),
        Script(status=404, body=recorded.NOT_FOUND),
    ],
    ids=["no JSON", "endless event", "500", "404"],
)
async def test_an_engine_that_answers_with_an_error_lives(llama: FakeLlama, engine: LlamaCpp, script: Script) -> None:
    """Whatever it says."""
    llama.scripts = [script]
    with pytest.raises(EngineFailed):
        await events_of(engine)


async def test_a_refusal_comes_before_any_event(llama: FakeLlama, engine: LlamaCpp) -> None:
    """As an HTTP status."""
    llama.scripts = [Script(status=400, body=recorded.EXCEEDS_CONTEXT)]
    with pytest.raises(ContextOverflow):
        await events_of(engine)


async def test_a_loading_engine_says_when_to_come_again(llama: FakeLlama, engine: LlamaCpp) -> None:
    """Its own time, where it gives one."""
    llama.scripts = [Script(status=503, body=recorded.LOADING, headers={"Retry-After": "4"})]
    with pytest.raises(NoReplica) as caught:
        await events_of(engine)
    assert caught.value.retry_after == 4.0


async def test_nobody_at_the_address_has_seen_nothing() -> None:
    """Connection refused: whatever was asked can be asked elsewhere."""
    async with open_session() as session:
        engine = llama_cpp(EngineHttp(session, lambda: Endpoint("http://127.0.0.1:9"), Pace(0.0, 1e9)))
        with pytest.raises(NoReplica, match="cannot be reached"):
            await events_of(engine)
        assert not await engine.healthy()


async def test_a_silent_engine_is_given_up(llama: FakeLlama) -> None:
    """It is connected, and sends nothing at all."""
    llama.scripts = [streaming(recorded.ROLE, hang=True)]
    async with llama.running() as url, open_session() as session:
        engine = llama_cpp(EngineHttp(session, lambda: Endpoint(url), Pace(0.0, 1e9), silence=0.05))
        with pytest.raises(EngineLost, match="silent"):
            await events_of(engine)


async def test_signs_of_life_keep_a_slow_stream(llama: FakeLlama) -> None:
    """A comment now and then is enough."""

    async def answer_slowly() -> None:
        for _ in range(6):
            await asyncio.sleep(0.05)
            gate.release()

    gate = asyncio.Semaphore(0)
    llama.scripts = [streaming(*([recorded.PING] * 5), ANSWER, gate=gate)]
    async with llama.running() as url, open_session() as session:
        engine = llama_cpp(EngineHttp(session, lambda: Endpoint(url), Pace(0.0, 1e9), silence=2.0))
        slowly = asyncio.create_task(answer_slowly())
        assert text_of(await events_of(engine)) == "안녕하세요!"
        await slowly


async def test_an_engine_that_lives_and_writes_nothing_is_given_up(llama: FakeLlama) -> None:
    """Its server answers while its model hangs."""

    async def ping() -> None:
        while True:
            await asyncio.sleep(0.02)
            gate.release()

    gate = asyncio.Semaphore(0)
    llama.scripts = [streaming(*([recorded.PING] * 500), gate=gate)]
    pinging = asyncio.create_task(ping())
    async with llama.running() as url, open_session() as session:
        engine = llama_cpp(EngineHttp(session, lambda: Endpoint(url), Pace(0.0, 1e9), silence=2.0, idle=0.2))
        with pytest.raises(EngineLost, match="writes nothing"):
            await events_of(engine)
    pinging.cancel()


async def test_the_engine_describes_its_model(engine: LlamaCpp) -> None:
    """Context of one sequence, slots, tools."""
    assert await engine.describe() == Description(models=("m",), context_length=2048, slots=4)


async def test_something_else_at_the_address_is_no_engine(llama: FakeLlama, engine: LlamaCpp) -> None:
    """It answers, but not like llama.cpp."""
    llama.props = {"hello": "world"}
    with pytest.raises(EngineFailed, match="describe itself"):
        await engine.describe()


async def test_health_is_whether_the_model_is_loaded(llama: FakeLlama, engine: LlamaCpp) -> None:
    """503 while loading."""
    assert await engine.healthy()
    llama.healthy = False
    assert not await engine.healthy()


async def test_an_endpoint_that_is_not_there_is_told() -> None:
    """A restarting engine has no address."""

    def nowhere() -> Endpoint:
        raise NoReplica("starting")

    async with open_session() as session:
        engine = llama_cpp(EngineHttp(session, nowhere, Pace(0.0, 1e9)))
        with pytest.raises(NoReplica):
            await events_of(engine)
        assert not await engine.healthy()


async def test_many_answers_at_once(llama: FakeLlama, engine: LlamaCpp) -> None:
    """Each on a connection of its own."""
    gate = asyncio.Semaphore(0)
    llama.scripts = [streaming(ANSWER, gate=gate)]
    asked = [asyncio.create_task(events_of(engine)) for _ in range(40)]
    while llama.open_streams < 40:
        await asyncio.sleep(0)
    for _ in asked:
        gate.release()
    assert {text_of(events) for events in await asyncio.gather(*asked)} == {"안녕하세요!"}


def test_the_key_is_in_no_representation() -> None:
    """Logs and tracebacks show those."""
    assert "geheim" not in repr(Endpoint("http://h", "geheim"))


async def test_an_engine_that_does_not_even_send_headers_is_given_up(llama: FakeLlama) -> None:
    """A stopped process still accepts connections."""
    llama.scripts = [Script(mute=True)]
    async with llama.running() as url, open_session() as session:
        engine = llama_cpp(EngineHttp(session, lambda: Endpoint(url), Pace(0.0, 1e9), silence=0.2))
        async with asyncio.timeout(30):
            with pytest.raises(EngineLost, match="did not answer in time"):
                await events_of(engine)


class Dropping(TCPConnector):
    """Connects to hosts that drop packets."""

    async def connect(self, *_: Any, **__: Any) -> NoReturn:
        raise ConnectionTimeoutError("Connection timeout to host")


async def test_a_connection_that_takes_too_long_has_sent_nothing() -> None:
    """Whatever was asked can be asked elsewhere."""
    async with ClientSession(connector=Dropping()) as session:
        engine = llama_cpp(EngineHttp(session, lambda: Endpoint("http://127.0.0.1:9"), Pace(0.0, 1e9)))
        with pytest.raises(NoReplica, match="cannot be reached"):
            await events_of(engine)


@pytest.mark.parametrize("last", ["좋아요. 끝입", "좋아요. \u1112\u1161"], ids=["half a stop text", "open syllable"])
async def test_nothing_that_was_held_back_is_shown_of_an_answer_that_was_cut_off(
    llama: FakeLlama, engine: LlamaCpp, last: str
) -> None:
    """What goes on elsewhere may complete it."""
    llama.scripts = [streaming(recorded.ROLE, recorded.delta(last, 1))]
    seen: list[Event] = []
    with pytest.raises(EngineLost):
        async with aclosing(engine.generate(EngineRequest(ask(stop=["끝입니다"])))) as events:
            async for event in events:
                seen.append(event)
    assert text_of(seen) == "좋아요. "


CALL = {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "w", "arguments": "{}"}}]}


@pytest.mark.parametrize(
    ("delta", "reason", "told"),
    [("네.\u1112\u1161", "stop", pb.FINISH_REASON_STOP), (CALL, "tool_calls", pb.FINISH_REASON_TOOL_CALLS)],
    ids=["text", "tool call"],
)
async def test_an_answer_that_has_ended_outlives_its_connection(
    llama: FakeLlama, engine: LlamaCpp, delta: Any, reason: str, told: pb.FinishReason
) -> None:
    """It lacks no more than usage: that is as far as the engine had told it."""
    gate = asyncio.Semaphore(0)
    parts = [recorded.ROLE, recorded.delta(delta, 3), recorded.finish(reason), b": \n\n"]
    llama.scripts = [streaming(*parts, cut=True, gate=gate)]
    seen: list[Event] = []
    async with aclosing(engine.generate(EngineRequest(ask()))) as events:
        asyncio.get_running_loop().call_later(0.2, gate.release)
        for _ in parts[:-1]:
            gate.release()
        async for event in events:
            seen.append(event)
    assert seen[-1] == Finished(told, Usage(35, 3, 24, 0))
    assert text_of(seen) == ("" if isinstance(delta, dict) else "네.\u1112\u1161")
