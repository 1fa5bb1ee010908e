"""LiteLLM's proxy and vllm-router as their own documents say they are run, with one worker, in front of one engine."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import rig as rigs
from rig import Api

from peers.environments import Unavailable, program

_READY_SECONDS = 120.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Proxy:
    """A peer that runs."""

    api: Api
    process: psutil.Process


@contextlib.contextmanager
def litellm(engine: Api, model: str) -> Iterator[Proxy]:
    """LiteLLM's proxy without a database. Raises Unavailable."""
    command, (port,), key = program("litellm"), rigs.free_ports(1), f"sk-{secrets.token_urlsafe(24)}"
    upstream = {"model": f"openai/{model}", "api_base": f"{engine.url}/v1", "api_key": engine.key}
    config = {
        "model_list": [{"model_name": model, "litellm_params": upstream}],
        "litellm_settings": {"request_timeout": 600, "telemetry": False},
    }
    environment = {
        "LITELLM_MASTER_KEY": key,
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        # Else it asks the internet for a list of prices at its start.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    with tempfile.TemporaryDirectory(prefix="soban-bench-") as home:
        file = Path(home) / "config.yaml"
        file.write_text(json.dumps(config), encoding="utf-8")
        arguments = ("--config", str(file), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1")
        with _running((str(command), *arguments), environment, Path(home), port) as process:
            yield Proxy(Api(f"http://127.0.0.1:{port}", key), process)


@contextlib.contextmanager
def vllm_router(engine: Api, _: str) -> Iterator[Proxy]:
    """vllm-router, which hands model and key of the caller on to the engine. Raises Unavailable."""
    command, (port, metrics_port) = program("vllm-router"), rigs.free_ports(2)
    arguments = ("--host", "127.0.0.1", "--port", str(port), "--prometheus-port", str(metrics_port))
    routing = ("--worker-urls", engine.url, "--policy", "round_robin", "--log-level", "warning")
    with (
        tempfile.TemporaryDirectory(prefix="soban-bench-") as home,
        _running((str(command), *arguments, *routing), {}, Path(home), port) as process,
    ):
        yield Proxy(Api(f"http://127.0.0.1:{port}", engine.key), process)


@contextlib.contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str], home: Path, port: int) -> Iterator[psutil.Process]:
    """The command with a home and variables of its own, from when it listens until the `with` ends."""
    variables = {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8", **environment}
    log = home / "log"
    with log.open("wb") as output:
        started = subprocess.Popen(command, env=variables, cwd=home, stdout=output, stderr=subprocess.STDOUT)
    process = psutil.Process(started.pid)
    try:
        _wait(started, process, port, log)
        yield process
    finally:
        _end(process)
        started.wait()


def _wait(started: subprocess.Popen[bytes], process: psutil.Process, port: int, log: Path) -> None:
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end and started.poll() is None:
        if any(_listens(member, port) for member in (process, *process.children(recursive=True))):
            return
        time.sleep(0.2)
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    said = next((line for line in reversed(lines) if line.strip()), "no word from it")
    raise Unavailable(f"{Path(str(started.args[0])).name} did not start: {said}")  # type: ignore[index]


def _listens(process: psutil.Process, port: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        ends = process.net_connections("tcp")
        return any(end.laddr.port == port and end.status == psutil.CONN_LISTEN for end in ends)
    return False


def _end(process: psutil.Process) -> None:
    """And its workers, each by its id."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [process, *process.children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.terminate()
        _, alive = psutil.wait_procs(family, timeout=_STOP_SECONDS)
        for member in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
