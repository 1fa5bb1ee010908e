"""A stack to measure: the services as `soban up` runs them, and the way to the engine behind them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from soban.generation.llama_server import KEY_VARIABLE

SERVICES = ("safety", "tokenization", "generation", "gateway")
_READY_SECONDS = 120.0


@dataclass(frozen=True)
class Api:
    """An HTTP server with OpenAI's chat API: the engine alone, or the gateway."""

    url: str
    key: str = ""


@dataclass(frozen=True)
class Rig:
    """What is running."""

    model: str
    engine: Api
    gateway: Api
    grpc_target: str
    generation_target: str
    processes: dict[str, psutil.Process]

    def cpu_seconds(self) -> dict[str, float]:
        """User and system time of each service with its workers so far, without the engine."""
        return {name: cpu_seconds(process) for name, process in self.processes.items()}

    def memory_mib(self) -> dict[str, float]:
        """Memory of each service with its workers, shared pages counted once (PSS), without the engine."""
        return {name: memory_mib(process) for name, process in self.processes.items()}


@contextlib.asynccontextmanager
async def running(model: str, url: str, parallel: int) -> AsyncIterator[Rig]:
    """Starts all services on free ports with the GGUF at `url`; stops all at the end."""
    with tempfile.TemporaryDirectory(prefix="soban-bench-") as folder, contextlib.ExitStack() as stack:
        ports = dict(zip((*SERVICES, "http"), free_ports(len(SERVICES) + 1), strict=True))
        file = Path(folder) / "soban.yaml"
        file.write_text(json.dumps(_settings(model, url, parallel, ports)), encoding="utf-8")
        processes = {name: stack.enter_context(service(name, file)) for name in SERVICES}
        await asyncio.gather(*(ready(ports[name]) for name in SERVICES))
        gateway = Api(f"http://127.0.0.1:{ports['http']}")
        engine = _engine_behind(processes["generation"])
        targets = (f"127.0.0.1:{ports[name]}" for name in ("gateway", "generation"))
        yield Rig(model, engine, gateway, *targets, processes)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def _settings(model: str, url: str, parallel: int, ports: dict[str, int]) -> dict[str, object]:
    services: dict[str, dict[str, object]] = {
        name: {"port": ports[name], "metricsPort": 0, "logLevel": "warning"} for name in SERVICES
    }
    services["gateway"]["httpPort"] = ports["http"]
    return {"models": {model: {"url": url, "parallel": parallel}}, "services": services}


@contextlib.contextmanager
def service(name: str, file: Path) -> Iterator[psutil.Process]:
    """One server with the settings in `file`, as long as the `with` lasts."""
    process = subprocess.Popen([sys.executable, "-m", f"soban.{name}", "-c", str(file)])
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


async def ready(port: int) -> None:
    """Returns when the server there serves. Raises TimeoutError."""
    request = health_pb2.HealthCheckRequest(service="ready")
    end = time.monotonic() + _READY_SECONDS
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() < end:
            with contextlib.suppress(grpc.aio.AioRpcError):
                if (await stub.Check(request, timeout=2)).status == health_pb2.HealthCheckResponse.SERVING:
                    return
            await asyncio.sleep(0.1)
    raise TimeoutError(f"the service on port {port} was not ready after {_READY_SECONDS:g} s")


def _engine_behind(generation: psutil.Process) -> Api:
    """The same engine process that the stack uses, reached beside the stack: its port and key are our own child's."""
    for child in generation.children(recursive=True):
        key = child.environ().get(KEY_VARIABLE)
        ports = [end.laddr.port for end in child.net_connections("tcp") if end.status == psutil.CONN_LISTEN]
        if key and ports:
            return Api(f"http://127.0.0.1:{ports[0]}", key)
    raise RuntimeError("generation has no engine process")


def cpu_seconds(server: psutil.Process) -> float:
    """User and system time of a server with its workers so far, without an engine that it runs."""
    times = (process.cpu_times() for process in _family(server))
    return float(sum(spent.user + spent.system for spent in times))


def memory_mib(server: psutil.Process) -> float:
    """Memory of the same, shared pages counted once (PSS)."""
    return float(sum(process.memory_full_info().pss for process in _family(server)) / 2**20)


def _family(server: psutil.Process) -> list[psutil.Process]:
    family = [server, *server.children(recursive=True)]
    return [process for process in family if KEY_VARIABLE not in process.environ()]
