"""A generation server in front of a fake llama.cpp server, and requests to it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

import soban.v1 as pb
from soban.generation.component import Generation
from soban.generation.engines.context import EngineContext
from soban.generation.engines.http import Endpoint, EngineHttp, open_session
from soban.generation.engines.llamacpp import LlamaCpp
from soban.generation.engines.pace import Pace
from soban.generation.settings import GenerationSettings
from soban.runtime.config import Config
from soban.runtime.model_settings import ModelConfig
from soban.runtime.server import running
from soban.runtime.settings import ConfigFile
from soban.runtime.telemetry import Telemetry
from unit.generation.fake_llama import FakeLlama


@dataclass
class Service:
    """A running server, and a client of it."""

    component: Generation
    stub: Any

    async def stream(self, request: pb.GenerateRequest) -> list[pb.StreamGenerateResponse]:
        call = self.stub.StreamGenerate(pb.StreamGenerateRequest(generate=request), timeout=10)
        return [event async for event in call]


ServiceFactory = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
async def llama() -> AsyncIterator[FakeLlama]:
    yield FakeLlama()


@pytest.fixture
async def engine(llama: FakeLlama) -> AsyncIterator[LlamaCpp]:
    async with llama.running() as url, open_session() as session:
        yield llama_cpp(EngineHttp(session, lambda: Endpoint(url, "key"), Pace(0.0, 1e9)))


@pytest.fixture
def service(llama: FakeLlama) -> ServiceFactory:
    @contextlib.asynccontextmanager
    async def start(telemetry: Telemetry | None = None, model: Any = None, **given: Any) -> AsyncIterator[Service]:
        settings = GenerationSettings(port=0, longest_stream_seconds=30, **given)
        async with llama.running() as url:
            config = Config(ConfigFile(models={"ko": ModelConfig(url="m.gguf", address=url, **(model or {}))}))
            component = Generation(config, settings, telemetry or Telemetry.noop())
            async with (
                running(component, settings, telemetry, grace=0.0) as server,
                grpc.aio.insecure_channel(server.target) as channel,
            ):
                llama.requests.clear()
                yield Service(component, pb.GenerationServiceStub(channel))

    return start


def llama_cpp(http: EngineHttp, **config: Any) -> LlamaCpp:
    return LlamaCpp(EngineContext(http, "ko", "ko", ModelConfig(url="m.gguf", **config)))


def user(text: str) -> pb.Message:
    return pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=text)])


def ask(text: str = "서울 날씨 어때?", **options: Any) -> pb.GenerateRequest:
    return pb.GenerateRequest(model="ko", messages=[user(text)], options=pb.GenerationOptions(**options))
