"""Real embedded engines for tests: started in this process or as a server of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import psutil

import soban.v1 as pb
from soban.generation.component import Generation
from soban.generation.embedded import EmbeddedHost
from soban.generation.settings import GenerationSettings
from soban.runtime.config import Config
from soban.runtime.model_settings import ModelConfig
from soban.runtime.server import running
from soban.runtime.settings import ConfigFile
from soban.runtime.telemetry import Telemetry


def user(text: str) -> pb.Message:
    return pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=text)])


def ask(text: str = "배고파", **options: Any) -> pb.GenerateRequest:
    return pb.GenerateRequest(model="ko", messages=[user(text)], options=pb.GenerationOptions(**options))


@dataclass
class Service:
    """A server in this process with one model, `ko`, and a client of it."""

    component: Generation
    stub: Any

    @property
    def replica(self) -> EmbeddedHost:
        """The only engine's process."""
        (host,) = self.replicas
        return host

    @property
    def replicas(self) -> list[EmbeddedHost]:
        """The engines' processes."""
        hosts = [replica.host for replica in self.component.registry.served("ko").pool.replicas]
        assert all(isinstance(host, EmbeddedHost) for host in hosts)
        return hosts

    async def generate(self, request: pb.GenerateRequest) -> pb.GenerateResponse:
        answer: pb.GenerateResponse = await self.stub.Generate(request, timeout=60)
        return answer

    async def stream(self, request: pb.GenerateRequest) -> list[pb.StreamGenerateResponse]:
        call = self.stub.StreamGenerate(pb.StreamGenerateRequest(generate=request), timeout=60)
        return [event async for event in call]

    async def engine(self, path: str, body: Any = None) -> Any:
        """What the engine itself answers."""
        endpoint = self.replica.endpoint()
        async with (
            aiohttp.ClientSession(headers=endpoint.headers) as session,
            session.request("GET" if body is None else "POST", endpoint.url + path, json=body) as response,
        ):
            return await response.json()


@contextlib.asynccontextmanager
async def serving(url: str, settings: dict[str, Any] | None = None, **model: Any) -> AsyncIterator[Service]:
    """A service with a real engine for the model at `url`."""
    chosen = GenerationSettings(port=0, longest_stream_seconds=120, **(settings or {}))
    config = Config(ConfigFile(models={"ko": ModelConfig(url=url, **model)}))
    component = Generation(config, chosen, Telemetry.noop())
    async with (
        running(component, chosen, grace=0.0) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        yield Service(component, pb.GenerationServiceStub(channel))


@dataclass
class Process:
    """`python -m soban.generation`, and a client of it."""

    process: asyncio.subprocess.Process
    stub: Any

    def engine(self) -> psutil.Process:
        """The engine's process."""
        (child,) = psutil.Process(self.process.pid).children()
        return child

    def kill(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@contextlib.asynccontextmanager
async def process(folder: Path, url: str) -> AsyncIterator[Process]:
    """A server of its own, ended if the test did not."""
    config = folder / "soban.yaml"
    services = {"generation": {"port": 0, "metricsPort": 0, "longestStreamSeconds": 60}}
    config.write_text(json.dumps({"models": {"ko": {"url": url}}, "services": services}))
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "soban.generation", "-c", str(config)),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "services"},
    )
    try:
        port = await asyncio.wait_for(_port(child), 120)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Process(child, pb.GenerationServiceStub(channel))
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.communicate()


async def _port(child: asyncio.subprocess.Process) -> int:
    assert child.stderr is not None
    async for line in child.stderr:
        told = json.loads(line)
        if told.get("event") == "serving":
            return int(told["port"])
    raise AssertionError("the server ended before it served")


async def until_gone(*processes: psutil.Process) -> None:
    """Returns when all have ended; zombies count as ended."""
    async with asyncio.timeout(10):
        while any(_alive(found) for found in processes):
            await asyncio.sleep(0.02)


def _alive(found: psutil.Process) -> bool:
    try:
        return found.is_running() and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
