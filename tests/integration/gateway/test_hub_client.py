"""`huggingface_hub.InferenceClient` and its async twin, unmodified, against the whole stack."""

from __future__ import annotations

import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from integration.gateway.conftest import MODEL, Running

HELLO = [{"role": "user", "content": "배고파요. 뭐 먹을까요?"}]


def test_chat_completion(stack: Running) -> None:
    with InferenceClient(base_url=f"{stack.url}/v1", api_key="unused") as client:
        answer = client.chat_completion(HELLO, model=MODEL, max_tokens=32, temperature=0, seed=1, stop=["\n\n"])
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.completion_tokens > 0


def test_chat_completion_streams_the_same_answer(stack: Running) -> None:
    with InferenceClient(base_url=f"{stack.url}/v1", api_key="unused") as client:
        asked = {"model": MODEL, "max_tokens": 32, "temperature": 0}
        whole = client.chat_completion(HELLO, **asked)
        chunks = list(client.chat_completion(HELLO, **asked, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content


async def test_async_client_in_both_ways(stack: Running) -> None:
    async with AsyncInferenceClient(base_url=f"{stack.url}/v1", api_key="unused") as client:
        asked = {"model": MODEL, "max_tokens": 32, "temperature": 0}
        whole = await client.chat_completion(HELLO, **asked)
        stream = await client.chat_completion(HELLO, **asked, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == whole.choices[0].message.content


def test_unknown_model_is_told(stack: Running) -> None:
    with (
        InferenceClient(base_url=f"{stack.url}/v1", api_key="unused") as client,
        pytest.raises(HfHubHTTPError) as caught,
    ):
        client.chat_completion(HELLO, model="gpt-4o")
    assert caught.value.response.status_code == 404
