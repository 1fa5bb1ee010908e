"""What the adapter finds out about one TGI before it asks it for answers, and what it tells of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from soban.generation.engine import Description, EngineRequest, Feature, Reading
from soban.runtime.config import ConfigError
from soban.runtime.errors import (
    EngineFailed,
    NotBuilt,
)
from unit.generation.conftest import ask
from unit.generation.engines.answers import end_of, events_of, text_of
from unit.generation.engines.fakes.tgi import MODEL, FakeTgi
from unit.generation.engines.tgi_adapter import error_of, fake, tgi
from unit.tokenization.vocabularies import BOS, END, USER, byte_level, lower_casing, save


async def test_a_begin_token_is_there_once(tmp_path: Path) -> None:
    """The template writes it, and TGI puts it before every prompt: what arrives has one."""
    tokenizer = byte_level(adds_bos=True)
    server = FakeTgi(tokenizer, tokenizer.encode("네", add_special_tokens=False).ids, 1)
    async with tgi(server, save(byte_level(), tmp_path)) as engine:
        events = await events_of(engine, ask("안녕"))
    sent = server.bodies()[0]["inputs"]
    assert sent == f"{USER}안녕{END}<|assistant|>"
    arrived = tokenizer.encode(sent).ids
    assert arrived.count(tokenizer.token_to_id(BOS)) == 1
    assert end_of(events).usage.input_tokens == len(arrived)


async def test_what_tgi_does_to_prompts_is_asked_once() -> None:
    """For many answers, until it is another TGI."""
    server = fake()
    async with tgi(server) as engine:
        for _ in range(3):
            await events_of(engine)
        assert len(server.bodies("/tokenize")) == 1
        server.total_tokens += 1
        await engine.describe()
        await events_of(engine)
        assert len(server.bodies("/tokenize")) == 2


async def test_another_models_tokenizer_is_found_out(tmp_path: Path) -> None:
    """Before any text is read by it."""
    error = await error_of(fake(), tokenizer=save(byte_level(), tmp_path))
    assert isinstance(error, EngineFailed)
    assert "models.ko.tokenizer" in error.message


async def test_log_probabilities_that_say_nothing_are_not_passed_on() -> None:
    """The llama.cpp backend filters first: with one candidate left each is 0."""
    for options in ({"temperature": 0.0}, {"top_logprobs": 2}):
        error = await error_of(fake(), ask(logprobs=True, **options))
        assert isinstance(error, NotBuilt)
    async with tgi(fake()) as engine:
        await events_of(engine, ask(logprobs=True, temperature=1.0))


async def test_a_grammar_is_tried_out_before_it_is_promised() -> None:
    """The llama.cpp backend takes one and ignores it."""
    request = ask()
    request.options.response_format.json_schema = '{"type": "object", "properties": {"답": {"type": "string"}}}'
    error = await error_of(fake(), request)
    assert isinstance(error, NotBuilt)
    assert error.metadata["feature"] == "response_format.json_schema"
    server = fake('{"답": "네"}', backend="python")
    async with tgi(server) as engine:
        for _ in range(2):
            assert text_of(await events_of(engine, request)) == '{"답": "네"}'
    assert [body["parameters"]["grammar"]["type"] for body in server.bodies()] == ["regex", "json", "json"]


async def test_an_engine_without_grammars_says_so() -> None:
    """It was started with `--disable-grammar-support`."""
    server = fake(fails=(0, "Input validation error: grammar is not supported", "validation"))
    request = ask()
    request.options.response_format.regex = "[가-힣]+"
    assert isinstance(await error_of(server, request), NotBuilt)


async def test_it_describes_itself() -> None:
    """One model, whatever name a request has; its limit of requests bounds how many it is sent."""
    told = Description(models=(MODEL,), context_length=256, slots=128, version="3.3.6-dev0")
    async with tgi(fake(backend="python")) as engine:
        assert await engine.describe() == told
    async with tgi(fake()) as engine:
        lacks = frozenset({Feature.IMAGES, Feature.TOOLS, Feature.JSON_SCHEMA, Feature.REGEX})
        assert await engine.describe() == replace(told, lacks=lacks)


async def test_shapes_are_not_promised_where_grammars_are_switched_off() -> None:
    """By `--disable-grammar-support`, whatever the backend; tried out once."""
    server = fake(backend="python", fails=(0, "Input validation error: grammar is not supported", "validation"))
    async with tgi(server) as engine:
        for _ in range(2):
            told = await engine.describe()
            assert told.lacks == {Feature.TOOLS, Feature.JSON_SCHEMA, Feature.REGEX}
    assert len(server.bodies()) == 1


async def test_a_busy_server_is_asked_for_shapes_again() -> None:
    """It is described all the same: that it has no time does not tell that it cannot."""
    server = fake(concurrent=0)
    server.pages["/info"] = (200, json.dumps({**server.info(), "max_concurrent_requests": 1}).encode())
    async with tgi(server) as engine:
        assert (await engine.describe()).lacks == {Feature.IMAGES}
        server.concurrent = 1
        assert Feature.REGEX in (await engine.describe()).lacks


async def test_something_else_at_the_address_is_no_tgi() -> None:
    """It answers, but not like one."""
    server = fake()
    server.pages["/info"] = (200, b'{"model_id": "x"}')
    async with tgi(server) as engine:
        with pytest.raises(EngineFailed, match="describe itself"):
            await engine.describe()


async def test_health_is_what_it_says() -> None:
    """503 where its shards do not answer."""
    server = fake()
    async with tgi(server) as engine:
        assert await engine.healthy()
        server.pages["/health"] = (503, b'{"error":"unhealthy","error_type":"healthcheck"}')
        assert not await engine.healthy()


async def test_load_that_is_not_told_is_not_zero() -> None:
    """The llama.cpp backend has no series for it."""
    async with tgi(fake()) as engine:
        assert await engine.read_load() == Reading()
    async with tgi(fake(backend="python")) as engine:
        assert await engine.read_load() == Reading(running=12, waiting=3)


async def test_adapters_are_loaded_at_its_start_only() -> None:
    """By `--lora-adapters`; a request names one of them."""
    server = fake()
    async with tgi(server) as engine:
        with pytest.raises(NotBuilt):
            await engine.load_adapter("법률", "/adapters/law")
        async with aclosing(engine.generate(EngineRequest(ask(), 3, "law"))) as events:
            async for _ in events:
                pass
    assert (server.parameters["adapter_id"], server.parameters["seed"]) == ("law", 3)


def test_a_tokenizer_that_is_not_there_is_told_at_the_start() -> None:
    """With the key that names it."""
    with pytest.raises(ConfigError, match="tokenizer"):
        asyncio.run(error_of(fake(), tokenizer="/nowhere/tokenizer.json"))


def test_a_tokenizer_that_cannot_be_read_is_told_at_the_start(tmp_path: Path) -> None:
    """Before anything is served."""
    path = tmp_path / "tokenizer.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="tokenizer"):
        asyncio.run(error_of(fake(), tokenizer=path))


def test_missing_libraries_are_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs them; without a tokenizer none are needed."""
    monkeypatch.setattr("soban.generation.engines.tgi.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"soban\[tgi\]"):
        asyncio.run(error_of(fake()))
    asyncio.run(error_of(fake(), tokenizer=None))


def test_the_adapter_loads_no_library_before_it_needs_it() -> None:
    """Generation runs without them where no TGI is configured."""
    program = "import sys, soban.generation.engines.kinds; print({'jinja2', 'tokenizers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_tokens_that_are_no_bytes_of_a_text_are_refused(tmp_path: Path) -> None:
    """A vocabulary that lowers case would give another text back."""
    with pytest.raises(ConfigError, match="bytes of a text"):
        asyncio.run(error_of(fake(), tokenizer=save(lower_casing(), tmp_path)))


async def test_a_page_that_is_no_list_of_tokens_is_an_error() -> None:
    """Or is refused altogether."""
    for page in ((200, b"{}"), (200, b"["), (200, b"[1]"), (500, b"")):
        server = fake()
        server.pages["/tokenize"] = page
        assert isinstance(await error_of(server), EngineFailed)


@pytest.mark.parametrize("path", ["/info", "/metrics"])
async def test_pages_that_fail_are_errors_of_ours(path: str) -> None:
    """As an answer that fails is."""
    server = fake()
    server.pages[path] = (500, b"")
    async with tgi(server) as engine:
        with pytest.raises(EngineFailed):
            await (engine.describe() if path == "/info" else engine.read_load())
