"""Fixtures: the echo server, a client of it, and what it recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from soban.runtime.channels import open_channel
from soban.runtime.server import RunningServer, running
from soban.runtime.settings import ServerSettings
from unit.runtime.echo import Client, Echo, Recorded


@pytest.fixture
def settings() -> ServerSettings:
    return ServerSettings(port=0, longest_stream_seconds=30)


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
async def echo() -> Echo:
    return Echo()


@pytest.fixture
async def server(echo: Echo, settings: ServerSettings, recorded: Recorded) -> AsyncIterator[RunningServer]:
    async with running(echo, settings, recorded.telemetry, grace=0.0) as server:
        yield server


@pytest.fixture
async def client(server: RunningServer) -> AsyncIterator[Client]:
    async with open_channel(server.target) as channel:
        yield Client(channel)
