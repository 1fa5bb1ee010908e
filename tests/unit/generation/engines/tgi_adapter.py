"""The adapter to TGI in front of its fake, with the bundled model's tokenizer on both sides."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

import soban.v1 as pb
from soban.generation.engines.tgi import Tgi
from soban.runtime.errors import SobanError
from soban.runtime.model_settings import ModelConfig
from unit.generation.engines.answers import adapter, events_of
from unit.generation.engines.fakes.tgi import MODEL, FakeTgi
from unit.generation.engines.fakes.vocabularies import BUNDLED

TOKENIZER = Tokenizer.from_file(str(BUNDLED))
EOS = 1
ANSWER = "네, 뷁은 밥상에 없어요. 🍚\n"


def fake(text: str = ANSWER, **given: Any) -> FakeTgi:
    return FakeTgi(TOKENIZER, TOKENIZER.encode(text).ids, EOS, **given)


@contextlib.asynccontextmanager
async def tgi(server: FakeTgi, tokenizer: Path | str | None = BUNDLED, **given: Any) -> AsyncIterator[Tgi]:
    config = ModelConfig(
        url=f"hf://{MODEL}", engine="tgi", address="http://tgi:3000", tokenizer=tokenizer and str(tokenizer)
    )
    async with adapter(Tgi, server, config, **given) as engine:
        yield engine


async def error_of(server: FakeTgi, request: pb.GenerateRequest | None = None, **given: Any) -> SobanError:
    """What the caller gets."""
    async with tgi(server, **given) as engine:
        with pytest.raises(SobanError) as caught:
            await events_of(engine, request)
    return caught.value
