"""LoRA adapters on the real embedded engine, chosen request by request."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from integration.generation.conftest import BUNDLED
from integration.generation.engines import ask
from integration.generation.lora_file import write_lora
from soban.generation.embedded import EmbeddedHost
from soban.generation.engine import EngineRequest, Finished, Piece
from soban.generation.engines.context import EngineContext
from soban.generation.engines.http import EngineHttp, open_session
from soban.generation.engines.llamacpp import LlamaCpp
from soban.generation.engines.pace import Pace
from soban.generation.llama_server import ServerPlan
from soban.generation.models import find_model
from soban.runtime.errors import EngineFailed
from soban.runtime.model_settings import ModelConfig


async def said(engine: LlamaCpp, adapter: str = "") -> str:
    text = ""
    asked = EngineRequest(ask("배고파", temperature=0, max_tokens=24), adapter=adapter)
    async with aclosing(engine.generate(asked)) as events:
        async for event in events:
            text += event.text if isinstance(event, Piece) else ""
            ended = isinstance(event, Finished)
    assert ended
    return text


async def test_each_request_has_the_adapter_that_it_names(tmp_path: Path) -> None:
    """Side by side, and none of them stays on the model; files of one name in two folders are told apart."""
    paths = {name: str(write_lora(_folder(tmp_path, name) / "adapter.gguf", seed)) for seed, name in enumerate("ab")}
    model = await find_model("ko", BUNDLED)
    plan = ServerPlan(str(model.path), "ko", 4, 4096, False, 1, list(paths.values()))
    host = EmbeddedHost("ko", plan, 60.0, 60.0)
    async with open_session() as session:
        http = EngineHttp(session, host.endpoint, Pace(0.0, 1e9))
        engine = LlamaCpp(EngineContext(http, "ko", "ko", ModelConfig(url=BUNDLED, adapters=paths)))
        try:
            await host.start(engine.healthy)
            assert (await engine.describe()).adapters == ("a", "b")
            plain, first, second = await said(engine), await said(engine, "a"), await said(engine, "b")
            assert len({plain, first, second}) == 3
            together = await asyncio.gather(said(engine, "b"), said(engine), said(engine, "a"))
            assert together == [second, plain, first]
            with pytest.raises(EngineFailed, match="not loaded this adapter"):
                await said(engine, "c")
        finally:
            await host.stop()


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
