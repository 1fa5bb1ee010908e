"""The adapter to llama.cpp's server beyond answers: adapters, pages, pictures, and Hangul however bytes arrive."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.generation.engine import Description, EngineRequest, Feature, Reading
from soban.generation.engines.llamacpp import LlamaCpp
from soban.generation.engines.llamacpp_errors import error_of
from soban.generation.engines.llamacpp_events import LlamaCppAnswer
from soban.runtime.errors import EngineFailed, InvalidField, NotBuilt
from soban.runtime.model_settings import ModelConfig
from unit.generation import recorded
from unit.generation.conftest import ask
from unit.generation.engines.answers import SYLLABLES, adapter, cut, events_of, read_through, text_of, tokens_of
from unit.generation.engines.fakes import llamacpp as fake
from unit.generation.engines.fakes.playback import Playback, refusal, stream

LAW, MEDICINE = "/adapters/law/adapter.gguf", "/adapters/medicine/adapter.gguf"


@contextlib.asynccontextmanager
async def llamacpp(server: Playback, adapters: dict[str, str] | None = None) -> AsyncIterator[LlamaCpp]:
    config = ModelConfig(url="m.gguf", address="http://llama:8080", adapters=adapters or {})
    async with adapter(LlamaCpp, server, config, model="ko") as engine:
        yield engine


async def asked_with(engine: LlamaCpp, name: str) -> None:
    async with aclosing(engine.generate(EngineRequest(ask(), adapter=name))) as events:
        async for _ in events:
            pass


async def test_a_server_without_adapters_is_asked_for_none() -> None:
    """What it was started with stands."""
    server = fake.fake_llamacpp()
    async with llamacpp(server) as engine:
        await events_of(engine)
    assert "lora" not in server.asked[0].body
    assert server.asked[0].body["model"] == "ko"
    assert server.looked == []


@pytest.mark.parametrize(("name", "scales"), [("law", [1.0, 0.0]), ("medicine", [0.0, 1.0]), ("", [0.0, 0.0])])
async def test_a_request_says_of_every_adapter_whether_it_counts(name: str, scales: list[float]) -> None:
    """llama.cpp takes silence, and an empty list, for those of its start."""
    server = fake.fake_llamacpp()
    server.pages["/lora-adapters"] = fake.page(fake.adapters(LAW, MEDICINE))
    async with llamacpp(server, {"medicine": MEDICINE, "law": LAW}) as engine:
        await asked_with(engine, name)
        await asked_with(engine, name)
    assert [asked.body["lora"] for asked in server.asked] == [
        [{"id": number, "scale": scale} for number, scale in enumerate(scales)]
    ] * 2
    assert server.looked == ["/lora-adapters"]


@pytest.mark.parametrize(
    ("configured", "loaded", "names"),
    [
        ({"law": LAW, "medicine": MEDICINE}, [LAW, MEDICINE], ("law", "medicine")),
        ({"law": "/home/me/law-v2.gguf"}, ["/models/law-v2.gguf"], ("law",)),
        ({"law": ""}, ["/models/law.gguf"], ("law",)),
        ({"law": ""}, ["/models/other.gguf"], ("other",)),
    ],
    ids=["by path", "by file name", "by the name of the file", "another one"],
)
async def test_adapters_are_known_by_their_files(
    configured: dict[str, str], loaded: list[str], names: tuple[str, ...]
) -> None:
    """A server elsewhere may have them in another place."""
    server = fake.fake_llamacpp()
    server.pages["/lora-adapters"] = fake.page(fake.adapters(*loaded))
    async with llamacpp(server, configured) as engine:
        assert (await engine.describe()).adapters == names


async def test_an_adapter_that_is_not_loaded_is_told() -> None:
    """It is looked for again each time: the server may have been started anew."""
    server = fake.fake_llamacpp()
    async with llamacpp(server, {"law": LAW}) as engine:
        with pytest.raises(EngineFailed, match="not loaded this adapter"):
            await asked_with(engine, "law")
        server.pages["/lora-adapters"] = fake.page(fake.adapters(LAW))
        await asked_with(engine, "law")
        with pytest.raises(NotBuilt) as caught:
            await engine.load_adapter("law", LAW)
    assert caught.value.metadata["feature"] == Feature.ADAPTER_LOADING.value


@pytest.mark.parametrize("body", [b"{}", b"[7]", b"no", b'[{"id": "x", "path": "y"}]'])
async def test_a_list_of_adapters_that_is_none(body: bytes) -> None:
    """Something else answers."""
    server = fake.fake_llamacpp()
    server.pages["/lora-adapters"] = fake.page(body)
    async with llamacpp(server, {"law": LAW}) as engine:
        with pytest.raises(EngineFailed):
            await engine.describe()


async def test_it_describes_its_model_by_name_and_path() -> None:
    """And its version, where it tells."""
    server = fake.fake_llamacpp()
    async with llamacpp(server) as engine:
        blind = frozenset({Feature.IMAGES})
        described = Description(models=("m", fake.PATH), context_length=2048, slots=4, lacks=blind)
        assert await engine.describe() == described
        server.pages["/props"] = fake.page(fake.OLD_PROPS)
        toolless = frozenset({Feature.TOOLS})
        told = Description(context_length=2048, slots=4, lacks=toolless, version="b6500-a1b2c3d4")
        assert await engine.describe() == told


async def test_its_load_is_read_where_it_is_told() -> None:
    """Without `--metrics` the page is not there."""
    server = fake.fake_llamacpp()
    async with llamacpp(server) as engine:
        assert await engine.read_load() == Reading(running=3, waiting=2)
        for script in (fake.page(fake.NO_METRICS, 501), fake.page(recorded.NOT_FOUND, 404)):
            server.pages["/metrics"] = script
            assert await engine.read_load() == Reading()


async def test_pictures_reach_models_that_see() -> None:
    """Others say so with status 500, which is the request's fault."""
    request = ask("이게 뭐야?")
    request.messages[0].parts.append(pb.ContentPart(image=pb.Image(data=b"\x89PNG", media_type="image/png")))
    server = fake.fake_llamacpp(stream(recorded.chat("고양이")), refusal(500, fake.NO_IMAGES))
    async with llamacpp(server) as engine:
        engine.check(request)
        assert text_of(await events_of(engine, request)) == "고양이"
        with pytest.raises(InvalidField, match="does not see images") as caught:
            await events_of(engine, request)
    assert caught.value.field == "messages"
    assert server.asked[0].body["messages"][0]["content"][1] == {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,iVBORw=="},
    }


async def test_closing_the_answer_closes_the_connection() -> None:
    """Whatever its adapter."""
    server = fake.fake_llamacpp(stream(recorded.ROLE, recorded.delta("네", 1), hang=True))
    server.pages["/lora-adapters"] = fake.page(fake.adapters(LAW))
    async with llamacpp(server, {"law": LAW}) as engine:
        async with aclosing(engine.generate(EngineRequest(ask(), adapter="law"))) as events:
            await anext(events)
            await anext(events)
        await asyncio.wait_for(server.closed.wait(), 5)


@given(
    st.lists(st.text(st.sampled_from(SYLLABLES + "각밥🍚 .ᄒ"), min_size=1), min_size=1), st.lists(st.integers(0, 9000))
)
def test_hangul_is_whole_wherever_bytes_are_cut(texts: list[str], cuts: list[int]) -> None:
    """Chats and completions; jamo and emoji, too."""
    for whole in (recorded.chat(*texts), recorded.completion(*texts)):
        answer: Any = LlamaCppAnswer(ask(), error_of)
        text, end = read_through(answer, whole, cuts)
        assert text == "".join(texts)
        assert end.usage.output_tokens in (len(texts), len(texts) + 1)


async def test_all_syllables_come_through() -> None:
    """Each as a token, in packets that cut most of them in two or three."""
    server = fake.fake_llamacpp(stream(*cut(recorded.chat(*SYLLABLES), 1021)))
    async with llamacpp(server) as engine:
        events = await events_of(engine)
    assert text_of(events) == SYLLABLES
    assert tokens_of(events) == 11_172
