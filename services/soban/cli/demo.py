"""`soban demo`: the whole stack, started, shown and left at a prompt. `make demo` calls it."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc

import soban.v1 as pb
from soban.cli.chat import Asking
from soban.cli.client import GATEWAY, SERVERS, open_channel
from soban.cli.console import Console
from soban.cli.failure import EXIT_OK, Failure, problem_of
from soban.cli.options import Subparsers, add_verb
from soban.cli.ports import is_free
from soban.cli.repl import Prompt
from soban.cli.tour import TIMEOUT, Tour
from soban.cli.up import require_servers

_EXAMPLES = ("soban demo", "soban demo < /dev/null    # shows everything and leaves", "soban demo --model ./model.gguf")
_FREE_PORTS = (
    "services: {safety: {port: 0}, tokenization: {port: 0}, generation: {port: 0}, gateway: {port: 0, httpPort: 0}}"
)
_HOST = "127.0.0.1"
_HTTP_PORT = 8080
_PORTS = [_HTTP_PORT, *(port for server in SERVERS for port in (server.port, server.port + 1000))]


def add_to(verbs: Subparsers) -> None:
    """Adds the verb."""
    summary = "start everything, show what each service does, and chat"
    parser = add_verb(verbs, "demo", run, summary=summary, examples=_EXAMPLES)
    model = "serve this model instead of the bundled one: a GGUF file or hf://owner/repo/file.gguf"
    parser.add_argument("--model", metavar="URL", help=model)


def run(args: argparse.Namespace, console: Console) -> int:
    """Everything that was started is gone when it returns."""
    require_servers()
    from soban.cli.backstage import Backstage

    console = dataclasses.replace(console, err=console.out)
    console.write(console.paint("소반(小盤): 작은 상에 차린 한국어 언어 모델", "bold"))
    console.write(
        console.paint("Soban, a small table set with Korean language models: starting it on this machine", "dim")
    )
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soban-demo-")))
        arguments = _arguments(args.model, folder, console)
        backstage = stack.enter_context(Backstage(arguments, lambda event: _tell(event, console)))
        endpoints = backstage.until(event="starting")["endpoints"]
        # The gateway is ready before the dictionary of morphology has been read, and a chat needs no morphology.
        backstage.until(event="state", service=GATEWAY.name, state="running")
        with _shown(), Tour(console, endpoints) as tour:
            tour.chats(began)
            backstage.until(event="ready")
            tour.others()
        if console.keyboard and console.out.isatty():
            _chat(console, endpoints, tour.model)
        console.write()
        console.write("멈추는 중 · stopping everything")
    return EXIT_OK


def _arguments(model: str | None, folder: Path, console: Console) -> list[str]:
    """For `soban up`: the usual ports, or free ones where another program has one of them."""
    arguments = ["--logs", str(folder / "logs"), *(["--model", model] if model else [])]
    taken = [port for port in _PORTS if not is_free(_HOST, port)]
    if taken:
        console.write(f"{_HOST}:{taken[0]} 은(는) 쓰는 중이라 빈 포트를 씁니다 · is in use; taking free ports")
        config = folder / "soban.yaml"
        config.write_text(_FREE_PORTS, encoding="utf-8")
        arguments += ["-c", str(config)]
    return arguments


def _tell(event: Mapping[str, Any], console: Console) -> None:
    if event.get("event") == "ready":
        console.write(console.paint(f"모두 준비됐습니다 · all are ready ({event['seconds']:.1f} s)", "dim"))
    if event.get("event") == "state" and event["state"] != "starting":
        console.write(console.paint(f"  {event['service']:<13} {event['state']} ({event['seconds']:.1f} s)", "dim"))


@contextlib.contextmanager
def _shown() -> Iterator[None]:
    """What goes wrong while it is shown, as the end of the command."""
    try:
        yield
    except grpc.RpcError as err:
        problem = problem_of(err)
        raise Failure("the demonstration failed", problem.reason, problem.message, problem.mend) from err
    except (OSError, ValueError) as err:
        raise Failure("the demonstration failed", "HTTP", str(err)) from err


def _chat(console: Console, endpoints: Mapping[str, str], model: str) -> None:
    console.write()
    console.write(console.paint("이제 직접 말해 보세요 · now it is your turn", "bold", "cyan"))
    address = endpoints[GATEWAY.name]
    with open_channel(address) as channel:
        asking = Asking(model, pb.GenerationOptions())
        Prompt(pb.ChatServiceStub(channel), asking, console, TIMEOUT, address).run()
