"""One server for all tests that do not end it, and Kiwi beside it to compare with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest

import soban.v1 as pb
from integration.tokenization.server import OPTIONS, Server, serving
from soban.tokenization.analyzer import Analyzer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    bare = {"url": "hf://soban/bare/bare.gguf"}
    with serving(tmp_path_factory.mktemp("tokenization"), bare=bare) as server:
        yield server


@pytest.fixture
async def channel(server: Server) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(server.target, options=OPTIONS) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return pb.TokenizationServiceStub(channel)


@pytest.fixture(scope="session")
def analyzer() -> Analyzer:
    return Analyzer.load()
