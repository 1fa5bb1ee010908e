"""`soban up`: the whole stack on one machine."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from soban.cli.console import Console
from soban.cli.failure import EXIT_FAILED, Failure
from soban.cli.options import Subparsers, add_json, add_verb

_EXAMPLES = (
    "soban up                                   # the bundled model, everything on 127.0.0.1",
    "soban up -c soban.yaml --logs logs",
    "soban up --model ./kanana-1.5-2.1b-q4.gguf",
    "soban up --model ko-2b=hf://owner/repo/model.gguf",
)
_NOTES = """\
It says 'ready' when every server is. Ctrl-C lets running answers end and then stops all; a second one hurries.
A port of 0 in the configuration takes a free one. With --json each state is one JSON line.
Exit codes: 0 stopped as asked, 1 could not start, 2 wrong arguments or configuration."""
_NEEDED = (
    "aiohttp",
    "grpc_health",
    "grpc_reflection",
    "kiwipiepy",
    "opentelemetry.sdk",
    "pydantic",
    "tokenizers",
    "yaml",
)


def add_to(verbs: Subparsers) -> None:
    """Adds the verb."""
    summary = "start all services on this machine"
    parser = add_verb(verbs, "up", run, summary=summary, examples=_EXAMPLES, notes=_NOTES)
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="soban.yaml; without it every default holds")
    model = "serve this model instead: a GGUF file, hf://owner/repo/file.gguf, or either after NAME="
    parser.add_argument("--model", metavar="URL", help=model)
    logs = "folder for the services' logs, or '-' for standard error (default: kept in memory)"
    parser.add_argument("--logs", metavar="DIR", help=logs)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Runs until SIGTERM or Ctrl-C."""
    require_servers()
    from soban.cli.running import run_stack

    return run_stack(args.config, args.model, args.logs, args.json, console)


def require_servers(needed: Sequence[str] = _NEEDED) -> None:
    """Raises Failure when the extras that servers need are not installed."""
    missing = [name for name in needed if not _installed(name)]
    if missing:
        mend = "install them with: pip install 'soban[all]'"
        message = f"{', '.join(missing)} not installed; the base install is for clients"
        raise Failure("cannot start servers", "NOT_INSTALLED", message, mend, EXIT_FAILED)


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
