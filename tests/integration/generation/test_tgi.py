"""A real model's tokens through TGI's native stream: the text is the one that the model's own engine writes.

The server is the fake of the unit tests, with its broken text; prompt and ids come from and go to a real llama.cpp.
"""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer

from integration.generation.engines import Service, ask
from soban.generation.engines.tgi import Tgi
from soban.runtime.model_settings import ModelConfig
from unit.generation.engines.answers import adapter, end_of, events_of, text_of
from unit.generation.engines.fakes.tgi import FakeTgi
from unit.generation.engines.fakes.vocabularies import BUNDLED as TOKENIZER

MOST = 60


@pytest.mark.parametrize("question", ["배고파", "김치찌개는 어떻게 끓여?", "뷁, 쀍 그리고 😀 이모지를 따라 써 줘"])
async def test_prompt_text_and_usage_are_those_of_the_engine_itself(bundled: Service, question: str) -> None:
    """Greedy, so that both write the same tokens."""
    request = ask(question, temperature=0.0, max_tokens=MOST)
    expected = await bundled.generate(request)
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    server = FakeTgi(tokenizer, [], 1, total_tokens=1024, input_tokens=900)
    config = ModelConfig(url="hf://soban/demo", engine="tgi", address="http://tgi:3000", tokenizer=str(TOKENIZER))
    async with adapter(Tgi, server, config) as engine:
        await events_of(engine, request)
        prompt = server.bodies()[0]["inputs"]
        told = await bundled.engine(
            "/completion", {"prompt": prompt, "n_predict": MOST, "temperature": 0, "return_tokens": True}
        )
        server.says = [number for number in told["tokens"] if number != server.eos]
        events = await events_of(engine, request)
    assert text_of(events) == expected.choices[0].text
    usage, own = end_of(events).usage, expected.summary.usage
    assert (usage.input_tokens, usage.output_tokens) == (own.input_tokens, own.output_tokens)
