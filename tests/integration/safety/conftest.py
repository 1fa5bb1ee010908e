"""Fixtures: the safety server on a free port, and clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import grpc
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import soban.v1 as pb
from soban.runtime.channels import open_channel
from soban.runtime.server import RunningServer, running
from soban.runtime.telemetry import Telemetry
from soban.safety.component import Safety
from soban.safety.ruleset import build_scanner
from soban.safety.scanner import Scanner
from soban.safety.settings import SafetySettings

POLICIES = {"lenient": {"rules": [{"category": "pii.resident_number", "action": "block"}]}}


class Served(NamedTuple):
    """The server, a stub, and what was measured."""

    server: RunningServer
    stub: pb.SafetyServiceStub
    channel: grpc.aio.Channel
    reader: InMemoryMetricReader


@pytest.fixture(scope="session")
def scanner() -> Scanner:
    return build_scanner()


@pytest.fixture
async def served(scanner: Scanner) -> AsyncIterator[Served]:
    settings = SafetySettings(port=0, metrics_port=0, longest_stream_seconds=30)
    reader = InMemoryMetricReader()
    telemetry = Telemetry.of(MeterProvider([reader]), None)
    async with running(Safety(POLICIES, settings, telemetry, scanner), settings, telemetry) as server:
        channel = open_channel(server.target)
        yield Served(server, pb.SafetyServiceStub(channel), channel, reader)
        await channel.close()
