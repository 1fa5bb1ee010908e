"""`huggingface_hub`'s client against the same server: fake, client and adapter agree, and where only the adapter does.

The last three tests are why the adapter speaks HTTP itself. One that fails after an update of the library means that
the reason is gone.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from huggingface_hub import AsyncInferenceClient
from huggingface_hub.errors import OverloadedError, UnknownError, ValidationError

from soban.runtime.errors import EngineLost, EngineOverloaded
from unit.generation.conftest import ask
from unit.generation.engines.answers import end_of, events_of, text_of
from unit.generation.engines.fakes.tgi import FakeTgi
from unit.generation.engines.tgi_adapter import ANSWER, fake, tgi

PROMPT = "<|user|>서울 날씨 어때?<|end|><|assistant|>"


@contextlib.asynccontextmanager
async def hub(server: FakeTgi) -> AsyncIterator[AsyncInferenceClient]:
    async with server.running() as url:
        yield AsyncInferenceClient(base_url=url)


async def native(client: AsyncInferenceClient, prompt: str = PROMPT, **given: Any) -> list[Any]:
    events = await client.text_generation(prompt, stream=True, details=True, max_new_tokens=50, **given)
    return [event async for event in events]


async def test_client_and_adapter_read_the_same_answer() -> None:
    """Text, ids and usage."""
    server = fake(backend="python")
    async with hub(server) as client:
        told = await native(client)
    async with tgi(server) as engine:
        events = await events_of(engine)
    assert "".join(event.token.text for event in told) == text_of(events) == ANSWER
    assert [event.token.id for event in told][:-1] == list(server.says)
    usage = end_of(events).usage
    assert (told[-1].details.generated_tokens, told[-1].details.input_length) == (
        usage.output_tokens,
        usage.input_tokens,
    )


async def test_client_and_adapter_read_the_same_chat() -> None:
    """From the chat endpoint."""
    server = fake(backend="python")
    async with hub(server) as client:
        chunks = await client.chat_completion(
            [{"role": "user", "content": "서울 날씨 어때?"}], stream=True, stream_options={"include_usage": True}
        )
        told = [chunk async for chunk in chunks]
    async with tgi(server, None) as engine:
        events = await events_of(engine)
    assert "".join(chunk.choices[0].delta.content for chunk in told if chunk.choices) == text_of(events)
    assert told[-1].usage.completion_tokens == end_of(events).usage.output_tokens


async def test_both_know_an_overload_and_a_validation_of_the_native_stream() -> None:
    """By its `error_type`."""
    async with hub(fake(concurrent=0)) as client:
        with pytest.raises(OverloadedError):
            await native(client)
    async with hub(fake(backend="python")) as client:
        with pytest.raises(ValidationError):
            await native(client, temperature=0.0)


async def test_only_the_adapter_knows_an_overload_of_a_chat() -> None:
    """The client finds no `error_type` in the event."""
    server = fake(fails=(0, "Model is overloaded", ""))
    async with hub(server) as client:
        with pytest.raises(UnknownError):
            async for _ in await client.chat_completion([{"role": "user", "content": "안녕"}], stream=True):
                pass
    async with tgi(server, None) as engine:
        with pytest.raises(EngineOverloaded):
            await events_of(engine)


async def test_only_the_adapter_sees_that_an_answer_was_cut_off() -> None:
    """The client's stream just ends."""
    server = fake(cut_after=4, backend="python")
    async with hub(server) as client:
        assert len(await native(client)) == 4
    async with tgi(server) as engine:
        with pytest.raises(EngineLost):
            await events_of(engine, ask())


async def test_only_the_adapter_mends_hangul() -> None:
    """The client passes on what each event says."""
    server = fake("뷁")
    async with hub(server) as client:
        assert "\ufffd" in "".join(event.token.text for event in await native(client))
    async with tgi(server) as engine:
        assert text_of(await events_of(engine)) == "뷁"
