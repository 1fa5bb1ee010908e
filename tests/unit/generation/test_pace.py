"""Merging of deltas: nothing lost, the first at once, seldom while fast, at once while slow."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from hypothesis import given, settings
from hypothesis import strategies as st

from soban.generation.engine import EngineRequest, Finished, Piece
from soban.generation.engines.http import Endpoint, EngineHttp, open_session
from soban.generation.engines.pace import Pace, Patience
from unit.generation import recorded
from unit.generation.conftest import ask, llama_cpp
from unit.generation.fake_llama import FakeLlama, streaming

WORDS = [f"{number}번 문장입니다. " for number in range(60)]
FAST = recorded.ROLE + b"".join(recorded.delta(word, number) for number, word in enumerate(WORDS, 1))
END = recorded.finish("stop") + recorded.usage(35, 61, 24) + recorded.DONE


def test_a_stream_rests_for_the_interval() -> None:
    """Alone."""
    assert Pace(0.03, 200).rest() == 0.03


async def test_streams_of_one_pace_wake_together(llama: FakeLlama) -> None:
    """Whenever each of them had its last delta."""
    llama.scripts = [streaming(FAST, hang=True)]
    async with llama.running() as url, open_session() as session:
        pace = Pace(1000.0, 1e9)
        due = []
        async with session.post(f"{url}/v1/chat/completions") as response:
            for _ in range(2):
                with pace.reading(response, Patience(60.0, 60.0, 60.0, lambda: True)) as reader:
                    reader.sent()
                    due.append(reader.due)
                await asyncio.sleep(0.01)
    assert due[0] == due[1]
    assert due[0] % 1000.0 == 0.0


async def test_streams_of_a_crowd_rest_longer(llama: FakeLlama) -> None:
    """So that all of them together stay under the rate; at most a quarter of a second."""
    pace = Pace(0.03, 100)
    llama.scripts = [streaming(FAST, hang=True)]
    async with llama.running() as url, open_session() as session:
        engine = llama_cpp(EngineHttp(session, lambda: Endpoint(url), pace))
        answers = [engine.generate(EngineRequest(ask())) for _ in range(60)]
        rests = []
        for answer in answers:
            await anext(answer)
            await anext(answer)
            rests.append(pace.rest())
        for answer in answers:
            await answer.aclose()
    assert rests[0] == 0.03
    assert rests[9] == 0.1
    assert rests[-1] == 0.25
    assert pace.rest() == 0.03


async def test_tokens_that_come_while_a_stream_rests_are_one_delta(llama: FakeLlama) -> None:
    """The first goes out at once, alone."""
    gate = asyncio.Semaphore(0)
    parts = [recorded.ROLE, *(recorded.delta(word, number) for number, word in enumerate(WORDS, 1)), END]
    llama.scripts = [streaming(*parts, gate=gate)]
    async with llama.running() as url, open_session() as session:
        engine = llama_cpp(EngineHttp(session, lambda: Endpoint(url), Pace(1e9, 1e9)))
        async with aclosing(engine.generate(EngineRequest(ask()))) as events:
            gate.release()
            gate.release()
            await anext(events)
            first = await anext(events)
            for _ in parts:
                gate.release()
            rest = [event async for event in events]
    assert first == Piece(WORDS[0], tokens=1, input_tokens=35)
    assert [type(event) for event in rest] == [Piece, Finished]
    assert isinstance(rest[0], Piece)
    assert (rest[0].text, rest[0].tokens) == ("".join(WORDS[1:]), 59)


async def test_the_end_does_not_wait_for_the_rest(llama: FakeLlama) -> None:
    """The stream above would have rested for years."""
    llama.scripts = [streaming(FAST, END)]
    async with llama.running() as url, open_session() as session:
        engine = llama_cpp(EngineHttp(session, lambda: Endpoint(url), Pace(1e9, 1e9)))
        async with asyncio.timeout(60), aclosing(engine.generate(EngineRequest(ask()))) as events:
            assert isinstance([event async for event in events][-1], Finished)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 3]), min_size=60, max_size=60), st.booleans())
def test_merged_or_not_the_text_is_the_same(gaps: list[int], crowded: bool) -> None:
    """Whatever the pauses of the engine and the crowd."""

    async def run() -> str:
        llama = FakeLlama()
        llama.scripts = [streaming(*pieces, END)]
        async with llama.running() as url, open_session() as session:
            pace = Pace(0.001, 200) if crowded else Pace(0.002, 1e9)
            engine = llama_cpp(EngineHttp(session, lambda: Endpoint(url), pace))
            async with aclosing(engine.generate(EngineRequest(ask()))) as events:
                return "".join([event.text async for event in events if isinstance(event, Piece)])

    pieces, waiting = [], b""
    for number, (word, gap) in enumerate(zip(WORDS, gaps, strict=True), 1):
        waiting += recorded.delta(word, number)
        if gap:
            pieces.append(waiting[:-gap])
            waiting = waiting[-gap:]
    pieces.append(waiting)
    assert asyncio.run(run()) == "".join(WORDS)
