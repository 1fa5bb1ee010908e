"""`soban demo`: the whole stack, started, shown and left at a prompt. `make demo` calls it."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc

import soban.v1 as pb
from soban.cli.chat import Asking
from soban.cli.client import GATEWAY, open_channel
from soban.cli.console import Console
from soban.cli.failure import EXIT_OK, Failure, problem_of
from soban.cli.options import Subparsers, add_verb
from soban.cli.repl import Prompt
from soban.cli.tour import TIMEOUT, Tour
from soban.cli.up import require_servers

_EXAMPLES = ("soban demo", "soban demo < /dev/null    # shows everything and leaves", "soban demo --model ./model.gguf")
_FREE_PORTS = (
    "services: {safety: {port: 0}, tokenization: {port: 0}, generation: {port: 0}, gateway: {port: 0, httpPort: 0}}"
)


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
        backstage = stack.enter_context(Backstage(_arguments(args.model, folder, console)))
        endpoints = backstage.wait_ready(lambda event: _tell(event, console))
        console.write(f"준비 끝 ready ({time.monotonic() - began:.1f} s)")
        model = _show(console, endpoints)
        if console.keyboard and console.out.isatty():
            _chat(console, endpoints, model)
        console.write()
        console.write("멈추는 중 · stopping everything")
    return EXIT_OK


def _arguments(model: str | None, folder: Path, console: Console) -> list[str]:
    """For `soban up`: the usual ports, or free ones where another program has one of them."""
    from soban.cli.plan import make_plan

    arguments = ["--logs", str(folder / "logs"), *(["--model", model] if model else [])]
    try:
        make_plan(None, model)
    except Failure as failure:
        if failure.reason != "PORT_IN_USE":
            raise
        console.write(f"{failure.message}; 빈 포트를 씁니다 · taking free ports instead")
        config = folder / "soban.yaml"
        config.write_text(_FREE_PORTS, encoding="utf-8")
        arguments += ["-c", str(config)]
    return arguments


def _tell(event: Mapping[str, Any], console: Console) -> None:
    if event.get("event") == "state" and event["state"] != "starting":
        console.write(console.paint(f"  {event['service']:<13} {event['state']} ({event['seconds']:.1f} s)", "dim"))


def _show(console: Console, endpoints: Mapping[str, str]) -> str:
    """Returns the model that was asked. Raises Failure when any of it goes wrong."""
    try:
        tour = Tour(console, endpoints)
        try:
            tour.run()
        finally:
            tour.close()
    except grpc.RpcError as err:
        problem = problem_of(err)
        raise Failure("the demonstration failed", problem.reason, problem.message, problem.mend) from err
    except (OSError, ValueError) as err:
        raise Failure("the demonstration failed", "HTTP", str(err)) from err
    return tour.model


def _chat(console: Console, endpoints: Mapping[str, str], model: str) -> None:
    console.write()
    console.write(console.paint("이제 직접 말해 보세요 · now it is your turn", "bold", "cyan"))
    address = endpoints[GATEWAY.name]
    with open_channel(address) as channel:
        asking = Asking(model, pb.GenerationOptions())
        Prompt(pb.ChatServiceStub(channel), asking, console, TIMEOUT, address).run()
