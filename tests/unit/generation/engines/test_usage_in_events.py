"""What vLLM and SGLang do alike: they tell usage in every event, and refuse raw prompts that leave too little room."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import soban.v1 as pb
from soban.generation.engine import Finished, Piece, Reading, Started, Usage
from soban.runtime.errors import EngineFailed, EngineLost, SobanError
from unit.generation.conftest import ask
from unit.generation.engines.answers import Bench, end_of, events_of, raw, text_of
from unit.generation.engines.benches import SGLANG, VLLM
from unit.generation.engines.fakes import sglang, vllm
from unit.generation.engines.fakes.playback import Script, refusal, stream


class Twin(NamedTuple):
    """One of the two. `spare` are tokens of its context that it never gives to an answer."""

    bench: Bench[Any]
    fake: ModuleType
    spare: int
    loading: tuple[str, bytes]
    """Path that loads an adapter, and what it answers."""


TWINS = {
    "vllm": Twin(VLLM, vllm, 0, ("/v1/load_lora_adapter", b"Success")),
    "sglang": Twin(SGLANG, sglang, 1, ("/load_lora_adapter", sglang.LOADED)),
}
both = pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)


@both
async def test_an_answer_begins_comes_in_pieces_and_ends(twin: Twin) -> None:
    """With usage of its own, the end token and the prompt's cached part counted."""
    events = await twin.bench.answer(stream(twin.fake.chat("안녕", "하세요", "!", cached=24)))
    assert events[0] == Started()
    assert text_of(events) == "안녕하세요!"
    assert next(event.input_tokens for event in events if isinstance(event, Piece)) == 35
    assert events[-1] == Finished(pb.FINISH_REASON_STOP, Usage(35, 4, 24))


@both
async def test_a_stop_text_ends_the_work_with_exact_usage(twin: Twin) -> None:
    """Of tokens, of which an event has several."""
    fake = twin.fake
    server = twin.bench.fake(stream(fake.ROLE, fake.delta("네.\n질", 3), fake.delta("문: 뭐", 5), hang=True))
    async with twin.bench.before(server) as engine:
        events = await events_of(engine, ask(stop=["\n질문:"]))
        await asyncio.wait_for(server.closed.wait(), 5)
    assert text_of(events) == "네."
    assert end_of(events) == Finished(pb.FINISH_REASON_STOP, Usage(35, 5), "\n질문:")


@both
async def test_a_raw_prompt_may_fill_its_context(twin: Twin) -> None:
    """Unsaid, both take 16 tokens, and they refuse what goes beyond: the prompt is counted first."""
    server = twin.bench.fake(refusal(200, twin.fake.TOKENIZED), stream(twin.fake.completion(" 서울", "입니다")))
    async with twin.bench.before(server) as engine:
        events = await events_of(engine, raw())
    assert text_of(events) == " 서울입니다"
    assert events[-1] == Finished(pb.FINISH_REASON_LENGTH, Usage(5, 2))
    assert [asked.path for asked in server.asked] == ["/tokenize", "/v1/completions"]
    assert server.asked[0].body == {"model": twin.bench.model, "prompt": "수도는"}
    assert server.asked[1].body["max_tokens"] == 4096 - 3 - twin.spare


@both
async def test_a_limit_that_was_given_needs_no_count(twin: Twin) -> None:
    """One request, as for a chat."""
    server = twin.bench.fake(stream(twin.fake.completion("서울")))
    async with twin.bench.before(server) as engine:
        await events_of(engine, raw(max_tokens=7))
    assert [(asked.path, asked.body["max_tokens"]) for asked in server.asked] == [("/v1/completions", 7)]


@both
async def test_without_a_configured_name_the_base_model_is_asked(twin: Twin) -> None:
    """Looked up once; never an adapter."""
    server = twin.bench.fake()
    server.pages["/v1/models"] = twin.fake.page(twin.fake.models(twin.fake.ADAPTER, twin.fake.BASE))
    async with twin.bench.before(server, model="") as engine:
        await events_of(engine)
        await events_of(engine)
    assert [asked.body["model"] for asked in server.asked] == [twin.bench.model] * 2
    assert server.looked.count("/v1/models") == 1


@both
@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (lambda _: stream(cut=True), EngineLost),
        (lambda fake: stream(fake.ROLE, fake.delta("네", 1), cut=True), EngineLost),
        (lambda fake: stream(fake.ROLE, fake.delta("네", 1)), EngineLost),
        (lambda fake: stream(fake.ROLE, fake.delta("네", 1), fake.DONE), EngineLost),
        (lambda fake: stream(fake.ROLE, fake.delta("네", 1)[:-20]), EngineLost),
        (lambda fake: stream(fake.ROLE, fake.delta("네", 1), fake.error_event(fake.FAILED)), EngineFailed),
    ],
    ids=["no answer", "cut", "no end", "done only", "half an event", "error event"],
)
async def test_an_engine_that_breaks_is_lost_or_has_failed(twin: Twin, script: Any, kind: type[SobanError]) -> None:
    """Never an answer that looks whole."""
    assert type(await twin.bench.error_of(script(twin.fake))) is kind


@both
async def test_health_and_load(twin: Twin) -> None:
    """Dead or starting, it answers 503; a page that is not there tells nothing."""
    server = twin.bench.fake()
    async with twin.bench.before(server) as engine:
        assert await engine.healthy()
        assert await engine.read_load() == Reading(running=3, waiting=2, kv_cache_use=0.25)
        server.pages["/health"] = twin.fake.page(status=503)
        server.pages["/metrics"] = twin.fake.page(twin.fake.NO_ROUTE, 404)
        assert not await engine.healthy()
        assert await engine.read_load() == Reading()


@both
@pytest.mark.parametrize("there", [False, True])
async def test_adapters_are_loaded_while_it_runs(twin: Twin, there: bool) -> None:
    """One that is there already is fine."""
    path, loaded = twin.loading
    script: Script = refusal(400, twin.fake.LOADED_ALREADY) if there else refusal(200, loaded)
    server = twin.bench.fake(script)
    async with twin.bench.before(server) as engine:
        await engine.load_adapter("law", "/adapters/law")
    assert server.asked[0].path == path
    assert server.asked[0].body == {"lora_name": "law", "lora_path": "/adapters/law"}
