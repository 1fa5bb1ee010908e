"""What adapters make of the streams of servers that speak as OpenAI's does, one list for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.generation.engine import EngineRequest
from soban.generation.engines.counted import CountedAnswer
from soban.generation.engines.external_errors import error_of
from soban.generation.engines.http import Reply
from soban.generation.engines.openai_events import Answer
from unit.generation.conftest import ask
from unit.generation.engines.answers import SYLLABLES, Bench, cut, end_of, events_of, read_through, text_of, tokens_of
from unit.generation.engines.benches import EXTERNAL, OPENVINO, SGLANG, VLLM
from unit.generation.engines.fakes import every, external, openvino, sglang, vllm
from unit.generation.engines.fakes.playback import stream


class Speaker(NamedTuple):
    """One kind. `reads` makes what reads an answer; `wholes` write streams of given texts."""

    bench: Bench[Any]
    cast: every.Cast
    reads: Callable[[], Reply]
    wholes: tuple[Callable[..., bytes], ...]
    end: int = 0
    """Tokens of an event without text at the end, which may come with the last text."""


SPEAKERS = {
    "vllm": Speaker(
        VLLM, every.VLLM, lambda: Answer(ask()), (vllm.chat, partial(vllm.completion, reason="stop")), end=1
    ),
    "sglang": Speaker(
        SGLANG, every.SGLANG, lambda: Answer(ask()), (sglang.chat, partial(sglang.completion, reason="stop"))
    ),
    "openvino": Speaker(
        OPENVINO,
        every.OPENVINO,
        lambda: CountedAnswer(ask()),
        (openvino.chat, partial(openvino.completion, reason="stop")),
    ),
    "external": Speaker(
        EXTERNAL,
        every.EXTERNAL,
        lambda: CountedAnswer(ask(), error_of),
        (external.chat, partial(external.completion, reason="stop"), external.without_done),
    ),
}
every_speaker = pytest.mark.parametrize("speaker", SPEAKERS.values(), ids=SPEAKERS)


@every_speaker
async def test_closing_the_answer_closes_the_connection(speaker: Speaker) -> None:
    """So that nobody works, or pays, for what nobody reads."""
    server = speaker.bench.fake(stream(speaker.cast.begun(["네"]), hang=True))
    async with speaker.bench.before(server) as engine:
        async with aclosing(engine.generate(EngineRequest(ask()))) as events:
            await anext(events)
            await anext(events)
        await asyncio.wait_for(server.closed.wait(), 5)


@every_speaker
async def test_a_stop_text_ends_the_work(speaker: Speaker) -> None:
    """Across events. Some servers would put it into the stream, and some take four only: it is matched here."""
    server = speaker.bench.fake(stream(speaker.cast.begun(["네.\n질", "문: 뭐"]), hang=True))
    async with speaker.bench.before(server) as engine:
        events = await events_of(engine, ask("서울의 인구가 얼마나 되는지 알려 주세요.", stop=["\n질문:"]))
        await asyncio.wait_for(server.closed.wait(), 5)
    end = end_of(events)
    assert (text_of(events), end.reason, end.stop_sequence) == ("네.", pb.FINISH_REASON_STOP, "\n질문:")
    assert end.usage.output_tokens == 2
    assert 10 <= end.usage.input_tokens <= 40


@every_speaker
@given(
    st.lists(st.text(st.sampled_from(SYLLABLES + "각밥🍚 .ᄒ"), min_size=1), min_size=1), st.lists(st.integers(0, 5000))
)
def test_hangul_is_whole_wherever_bytes_are_cut(speaker: Speaker, texts: list[str], cuts: list[int]) -> None:
    """Chats and completions; jamo and emoji, too."""
    for whole in speaker.wholes:
        text, end = read_through(speaker.reads(), whole(*texts), cuts)
        assert (text, end.reason) == ("".join(texts), pb.FINISH_REASON_STOP)
        assert end.usage.output_tokens in (len(texts), len(texts) + 1)


@every_speaker
async def test_all_syllables_come_through(speaker: Speaker) -> None:
    """Each as a token, in packets that cut most of them in two or three."""
    chat = speaker.wholes[0](*SYLLABLES)
    events = await speaker.bench.answer(stream(*cut(chat, 1021)))
    assert text_of(events) == SYLLABLES
    assert tokens_of(events) in (11_172, 11_172 + speaker.end)
