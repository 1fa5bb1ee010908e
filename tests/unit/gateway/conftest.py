"""A gateway between a fake safety service and a fake generation service, all on free ports."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import grpc
import pytest

import soban.v1 as pb
from soban.gateway.gateway import Gateway
from soban.gateway.settings import GatewaySettings, Upstreams
from soban.runtime.server import RunningServer, running
from soban.runtime.settings import ServerSettings
from soban.runtime.telemetry import Telemetry
from unit.gateway.fakes import FakeGeneration, FakeSafety, Far

QUIET = ServerSettings(port=0, metrics_port=0)


@dataclass
class Stack:
    """The gateway, what is behind it, and a client."""

    safety: FakeSafety
    generation: FakeGeneration
    gateway: Gateway
    server: RunningServer
    channel: grpc.aio.Channel
    http: aiohttp.ClientSession
    far: dict[str, RunningServer] = field(default_factory=dict)

    @property
    def stub(self) -> Any:
        return pb.ChatServiceStub(self.channel)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway.http_port}"

    async def stream(self, chat: pb.ChatRequest, **options: Any) -> list[pb.StreamChatResponse]:
        options.setdefault("timeout", 10)
        return [event async for event in self.stub.StreamChat(pb.StreamChatRequest(chat=chat), **options)]

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        async with self.http.post(self.url + path, json=body) as response:
            return response.status, await response.json()


@contextlib.asynccontextmanager
async def running_stack(telemetry: Telemetry | None = None, **settings: Any) -> AsyncIterator[Stack]:
    safety, generation = FakeSafety(), FakeGeneration()
    far_safety = Far("soban.v1.SafetyService", lambda server: pb.add_SafetyServiceServicer_to_server(safety, server))
    far_generation = Far(
        "soban.v1.GenerationService", lambda server: pb.add_GenerationServiceServicer_to_server(generation, server)
    )
    async with contextlib.AsyncExitStack() as stack:
        one = await stack.enter_async_context(running(far_safety, QUIET, grace=0))
        two = await stack.enter_async_context(running(far_generation, QUIET, grace=0))
        settings.setdefault("client_policies", ("lenient", "strict"))
        own = GatewaySettings(port=0, http_port=0, metrics_port=0, **settings)
        policies = {"ko-strict": "strict", "m": None, "soban-demo": None}
        made = telemetry or Telemetry.noop()
        gateway = Gateway(own, Upstreams(safety=one.target, generation=two.target), policies, made)
        server = await stack.enter_async_context(running(gateway, own, made, grace=0))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(server.target))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        far = {"safety": one, "generation": two}
        yield Stack(safety, generation, gateway, server, channel, http, far)


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    async with running_stack() as made:
        yield made


def say(*texts: str, **fields: Any) -> pb.ChatRequest:
    """A conversation in which the user speaks."""
    messages = [pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=text)]) for text in texts]
    return pb.ChatRequest(model=fields.pop("model", "soban-demo"), messages=messages, **fields)


def text_of(events: list[pb.StreamChatResponse], index: int = 0) -> str:
    """The text that reached the client."""
    return "".join(event.delta.text for event in events if event.HasField("delta") and event.delta.index == index)


def kinds_of(events: list[pb.StreamChatResponse]) -> list[str | None]:
    """Kinds of the events in order, deltas taken together."""
    kinds = [event.WhichOneof("event") for event in events]
    return [kind for at, kind in enumerate(kinds) if at == 0 or kind != "delta" or kinds[at - 1] != "delta"]
