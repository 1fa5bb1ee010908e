"""All verbs of the `soban` command."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from importlib import metadata

from soban.cli.console import Console
from soban.cli.failure import EXIT_INTERRUPTED, Failure
from soban.cli.options import Parser

_VERBS = ("up", "demo", "chat", "analyze", "check", "count", "models", "health", "bench")
_DESCRIPTION = "Soban (소반) serves Korean small language models: chat, morphology and safety over one gRPC contract."
_EPILOG = """\
examples:
  soban up                        start everything on this machine
  soban chat "안녕하세요"          ask the model
  soban analyze "영화를 봤어요."   morphemes
  soban check --json < 댓글.txt   one JSON object a line

Servers: gateway 50051, tokenization 50061, safety 50062, generation 50063 on 127.0.0.1, else --address or
SOBAN_GATEWAY, SOBAN_TOKENIZATION, SOBAN_SAFETY, SOBAN_GENERATION. NO_COLOR switches colours off."""


def build_parser() -> Parser:
    """All verbs; each module adds its own."""
    parser = Parser(
        prog="soban",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"soban {metadata.version('soban')}")
    verbs = parser.add_subparsers(metavar="VERB", required=True, parser_class=Parser)
    for name in _VERBS:
        importlib.import_module(f"soban.cli.{name}").add_to(verbs)
    return parser


def run(argv: Sequence[str] | None, console: Console) -> int:
    """One verb with these streams; returns its exit code. Raises BrokenPipeError when nobody reads its output."""
    try:
        args = build_parser().parse_args(argv)
        code: int = args.run(args, console)
    except Failure as failure:
        console.note(str(failure), "red")
        return failure.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return code
