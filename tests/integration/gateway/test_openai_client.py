"""The `openai` client, unmodified, against the whole stack."""

from __future__ import annotations

import time
import unicodedata

import grpc
import openai
import pytest

import soban.v1 as pb
from integration.gateway.conftest import MODEL, Running

PHONE = "010-1234-5678"
HELLO = [{"role": "user", "content": "안녕하세요. 오늘 하루 힘들었어요."}]


def test_chat_answers_in_korean_and_counts(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=48, temperature=0)
    [choice] = answer.choices
    assert choice.message.role == "assistant"
    assert any("가" <= sign <= "힣" for sign in choice.message.content)
    assert choice.finish_reason in ("stop", "length")
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.model_extra["soban"]["ai_generated"] is True


def test_stream_is_the_same_answer_in_whole_syllables(client: openai.OpenAI) -> None:
    asked = {"model": MODEL, "messages": HELLO, "max_tokens": 48, "temperature": 0}
    whole = client.chat.completions.create(**asked)
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == whole.choices[0].message.content
    assert all("\ufffd" not in text and unicodedata.is_normalized("NFC", text) for text in texts)
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_stream_that_its_reader_leaves_frees_the_engine(client: openai.OpenAI, stack: Running) -> None:
    """Forty answers of 900 tokens would keep it busy for half a minute."""
    for _ in range(40):
        stream = client.chat.completions.create(
            model=MODEL, messages=HELLO, stream=True, max_tokens=900, extra_body={"ignore_eos": True}
        )
        next(iter(stream))
        stream.close()
    deadline = time.monotonic() + 5
    while running_sequences(stack):
        assert time.monotonic() < deadline, "abandoned streams still run"
        time.sleep(0.02)


def running_sequences(stack: Running) -> int:
    with grpc.insecure_channel(stack.generation) as channel:
        loads = pb.GenerationServiceStub(channel).GetLoad(pb.GetLoadRequest(), timeout=10).loads
    return sum(load.running for load in loads)


def test_two_choices_with_seeds_differ_and_repeat(client: openai.OpenAI) -> None:
    asked = {"model": MODEL, "messages": HELLO, "n": 2, "seed": 7, "temperature": 1.5, "max_tokens": 24}
    first, second = (client.chat.completions.create(**asked) for _ in range(2))
    texts = [choice.message.content for choice in first.choices]
    assert [choice.index for choice in first.choices] == [0, 1]
    assert texts == [choice.message.content for choice in second.choices]


def test_max_tokens_ends_as_length(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_completion_tokens=3, extra_body={"ignore_eos": True}
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 3


def test_logprobs_spell_the_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=12, logprobs=True, top_logprobs=2, temperature=0
    )
    content = answer.choices[0].logprobs.content
    spelled = b"".join(bytes(token.bytes or b"") for token in content).decode()
    assert answer.choices[0].message.content.startswith(spelled)
    assert spelled
    assert all(len(token.top_logprobs) == 2 for token in content)


def test_completion_continues_a_prompt(client: openai.OpenAI) -> None:
    asked = {"model": MODEL, "prompt": "오늘 날씨가 좋아서", "max_tokens": 16, "temperature": 0}
    whole = client.completions.create(**asked)
    assert whole.choices[0].text
    pieces = [chunk.choices[0].text for chunk in client.completions.create(**asked, stream=True)]
    assert "".join(pieces) == whole.choices[0].text


def test_personal_data_does_not_reach_the_model(client: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": f"제 번호는 {PHONE}이에요."}]
    answer = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=16)
    verdict = answer.model_extra["soban"]["verdicts"][0]
    assert verdict["action"] == "ACTION_MASK"
    assert verdict["findings"][0]["category"] == "pii.phone"
    assert PHONE not in answer.choices[0].message.content


def test_models_are_listed_and_found_by_name(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).owned_by == "soban"


def test_moderation_flags_personal_data_and_lets_kindness_pass(client: openai.OpenAI) -> None:
    results = client.moderations.create(input=[f"제 번호는 {PHONE}이에요.", "좋은 하루 보내세요."]).results
    assert [result.flagged for result in results] == [True, False]
    assert results[0].categories.model_extra["pii.phone"] is True
    assert results[0].categories.self_harm is False


REFUSED = {
    "unknown model": ({"model": "gpt-4o"}, openai.NotFoundError, "model", "model_not_found"),
    "max_tokens": ({"max_tokens": -1}, openai.BadRequestError, "max_tokens", "invalid_value"),
    "temperature": ({"temperature": 100}, openai.BadRequestError, "temperature", "invalid_value"),
    "n": ({"n": 99}, openai.BadRequestError, "n", "invalid_value"),
    "typing error": ({"extra_body": {"temprature": 1}}, openai.BadRequestError, "temprature", "invalid_value"),
    "policy that is not open": (
        {"extra_body": {"soban": {"safety_policy": "nope"}}},
        openai.PermissionDeniedError,
        "soban.safety_policy",
        "policy_forbidden",
    ),
    "no messages": ({"messages": []}, openai.BadRequestError, "messages", "invalid_value"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_the_clients_own_classes(client: openai.OpenAI, case: str, stream: bool) -> None:
    options, kind, param, code = REFUSED[case]
    with pytest.raises(kind) as caught:
        client.chat.completions.create(**{"model": MODEL, "messages": HELLO, "stream": stream, **options})
    assert (caught.value.code, caught.value.param) == (code, param)


def test_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


async def test_async_client_streams_side_by_side(stack: Running) -> None:
    import asyncio

    async with openai.AsyncOpenAI(base_url=f"{stack.url}/v1", api_key="unused", max_retries=0) as client:

        async def one(number: int) -> str:
            messages = [{"role": "user", "content": f"{number}번째 질문이에요. 점심 뭐 먹을까요?"}]
            stream = await client.chat.completions.create(model=MODEL, messages=messages, stream=True, max_tokens=24)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        assert all(await asyncio.gather(*(one(number) for number in range(8))))
