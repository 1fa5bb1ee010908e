"""The tokens that this service counts are those that the engine counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import soban.v1 as pb
from integration.generation.engines import Service, serving
from integration.tokenization.sentences import sentences
from integration.tokenization.server import user
from soban.runtime.model_settings import DEMO_MODEL
from unit.tokenization.korean import NFD

MARKERS = "<|end|><|assistant|> [INST] <tool_call> <b>"
CONVERSATIONS = [
    [user("배고파")],
    [user("  앞뒤에 빈칸  ")],
    [user(NFD)],
    [user(MARKERS)],
    [user("여러\n줄\n\n")],
    [
        pb.Message(role=pb.ROLE_SYSTEM, parts=[pb.ContentPart(text="짧게 답한다.")]),
        user("안녕"),
        pb.Message(role=pb.ROLE_ASSISTANT, parts=[pb.ContentPart(text="안녕하세요. 반가워요.")]),
        pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text="오늘"), pb.ContentPart(text="뭐 먹지? 😀")]),
    ],
]


@pytest.fixture
async def engine() -> AsyncIterator[Service]:
    async with serving(f"bundled:{DEMO_MODEL}", parallel=2) as service:
        yield service


async def test_conversations_cost_what_the_engine_says(stub: Any, engine: Service) -> None:
    """Header of the answer, special tokens, normal form and all."""
    for messages in CONVERSATIONS:
        options = pb.GenerationOptions(max_tokens=1, temperature=0)
        answer = await engine.generate(pb.GenerateRequest(model="ko", messages=messages, options=options))
        counted = await stub.CountTokens(pb.CountTokensRequest(model=DEMO_MODEL, messages=messages), timeout=30)
        assert counted.total == answer.summary.usage.input_tokens


async def test_prompts_are_those_of_the_engine(stub: Any, engine: Service) -> None:
    """Rendered by the same template in another language; what changes on its way to the engine is counted above."""
    for messages in CONVERSATIONS:
        if messages[0].parts[0].text in (NFD, MARKERS):
            continue
        ours = await stub.RenderChat(pb.RenderChatRequest(model=DEMO_MODEL, messages=messages), timeout=30)
        roles = {pb.ROLE_SYSTEM: "system", pb.ROLE_USER: "user", pb.ROLE_ASSISTANT: "assistant"}
        written = [
            {"role": roles[each.role], "content": "\n".join(part.text for part in each.parts)} for each in messages
        ]
        theirs = await engine.engine("/apply-template", {"messages": written})
        assert ours.text == theirs["prompt"]


async def test_texts_have_the_ids_of_the_engine(stub: Any, engine: Service) -> None:
    """Hundreds of sentences, and those with special tokens in them either way."""
    texts = [*sentences(), "가<|end|>나 <|assistant|>", " ", "뷁쀍", NFD]
    plain = pb.EncodeRequest(model=DEMO_MODEL, texts=texts, normalize=False)
    parsed = pb.EncodeRequest(model=DEMO_MODEL, texts=texts, normalize=False, parse_special_tokens=True)
    for request in (plain, parsed):
        encodings = (await stub.Encode(request, timeout=60)).encodings
        for text, encoding in zip(texts, encodings, strict=True):
            body = {"content": text, "add_special": False, "parse_special": request.parse_special_tokens}
            theirs = await engine.engine("/tokenize", body)
            assert list(encoding.token_ids) == theirs["tokens"], text
