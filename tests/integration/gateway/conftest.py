"""Safety, generation with the bundled model, and the gateway, as the processes that a person would start."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest

MODEL = "soban-demo"
POLICY = "default"
START_SECONDS = 90.0
SERVICES = ("safety", "generation", "gateway")


@dataclass(frozen=True)
class Running:
    """Where the gateway is."""

    grpc: str
    generation: str
    url: str
    processes: dict[str, subprocess.Popen[bytes]]

    def all_alive(self) -> bool:
        return all(process.poll() is None for process in self.processes.values())


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as sockets:
        taken = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listening.getsockname()[1] for listening in taken]


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Running]:
    *ports, http_port = free_ports(len(SERVICES) + 1)
    sections = {name: {"port": port, "metricsPort": 0} for name, port in zip(SERVICES, ports, strict=True)}
    sections["gateway"]["httpPort"] = http_port
    config = folder / "soban.yaml"
    config.write_text(json.dumps({"services": sections}))
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in SERVICES:
            with (folder / f"{name}.log").open("wb") as log:
                command = [sys.executable, "-m", f"soban.{name}", "-c", str(config)]
                processes[name] = subprocess.Popen(command, stderr=log)
        generation = f"127.0.0.1:{ports[SERVICES.index('generation')]}"
        stack = Running(f"127.0.0.1:{ports[-1]}", generation, f"http://127.0.0.1:{http_port}", processes)
        until_ready(stack, folder)
        yield stack
    finally:
        for process in reversed(processes.values()):
            process.terminate()
        for process in processes.values():
            process.wait(30)


def until_ready(stack: Running, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and stack.all_alive():
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(f"{stack.url}/ready", timeout=5):
            return
        time.sleep(0.1)
    logs = "\n".join(f"{name}: {(folder / f'{name}.log').read_text()[-2000:]}" for name in SERVICES)
    raise AssertionError(f"the stack did not become ready\n{logs}")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("gateway")) as made:
        yield made


@pytest.fixture
def client(stack: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{stack.url}/v1", api_key="unused", max_retries=0, timeout=60) as made:
        yield made
