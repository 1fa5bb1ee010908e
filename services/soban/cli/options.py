"""Arguments that verbs share, and a parser whose errors read as all of Soban's do."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import Message

from soban.cli.client import Server
from soban.cli.console import Console
from soban.cli.failure import EXIT_USAGE, Failure
from soban.cli.lines import is_unicode

Run = Callable[[argparse.Namespace, Console], int]
Subparsers = Any  # argparse names this type with an underscore

_INPUT = """\
Input is the arguments, or the lines of standard input when there are none or '-'. When the first one starts with '{',
all are JSON objects with "text" and optionally "id". With --json each input gives one JSON object with its "id"
(its own, or its line number from 1): the response by the field names of soban.v1, or "error" {code, reason, message}.
Exit codes: 0 done, 1 an input failed, 2 wrong arguments, 3 server unreachable, 130 interrupted."""


MAX_INT32 = 2**31 - 1
"""The most that the contract's 32-bit numbers hold."""


class Parser(argparse.ArgumentParser):
    """Raises Failure for wrong arguments instead of printing and leaving."""

    def error(self, message: str) -> NoReturn:
        """One line with exit code 2."""
        raise Failure("wrong arguments", "USAGE", message, f"see: {self.prog} --help", EXIT_USAGE)


def add_verb(
    verbs: Subparsers, name: str, run: Run, *, summary: str, examples: Sequence[str], notes: str = ""
) -> Parser:
    """A verb with its help: what it does, examples, notes."""
    shown = "\n".join(f"  {example}" for example in examples)
    epilog = f"examples:\n{shown}" + (f"\n\n{notes}" if notes else "")
    parser: Parser = verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_text_verb(
    verbs: Subparsers,
    name: str,
    run: Run,
    *,
    server: Server,
    summary: str,
    examples: Sequence[str],
    timeout: float = 60.0,
    concurrency: int = 16,
) -> Parser:
    """A verb that asks once for each text."""
    parser = add_verb(verbs, name, run, summary=summary, examples=examples, notes=_INPUT)
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="a text, or a JSON object; '-' reads standard input")
    at_once = f"inputs at once (default {concurrency})"
    parser.add_argument("--concurrency", type=number(1, 256), default=concurrency, metavar="N", help=at_once)
    add_connection(parser, server, timeout)
    add_json(parser)
    return parser


def add_connection(parser: Parser, server: Server, timeout: float) -> None:
    """`--address` and `--timeout`."""
    where = f"of the {server.name} server (default ${server.variable}, else {server.default_address})"
    parser.add_argument("--address", metavar="HOST:PORT", help=f"address {where}")
    parser.add_argument(
        "--timeout", type=seconds, default=timeout, metavar="S", help=f"seconds for one request (default {timeout:g})"
    )


def add_json(parser: Parser) -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help="write JSON lines")


def number(least: int, most: int) -> Callable[[str], int]:
    """An argument type: an integer in this range."""

    def parse(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be from {least} to {most}, not {text}")
        return value

    parse.__name__ = "whole number"
    return parse


def name_type(text: str) -> str:
    """An argument type: text that can be sent. Python hands over bytes that are not UTF-8 as lone surrogates."""
    if not is_unicode(text):
        raise argparse.ArgumentTypeError("is not UTF-8 text")
    return text


def seconds(text: str) -> float:
    """An argument type: a duration over zero."""
    value = float(text)
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError(f"must be over 0 and at most 86400 seconds, not {text}")
    return value


def message_type(kind: type[Message]) -> Callable[[str], Any]:
    """An argument type: a message in proto3's JSON mapping."""

    def parse(text: str) -> Message:
        try:
            return Parse(text, kind())
        except (ParseError, ValueError) as err:
            raise argparse.ArgumentTypeError(f"is no {kind.DESCRIPTOR.name} in JSON: {str(err)[:200]}") from err

    parse.__name__ = kind.DESCRIPTOR.name
    return parse
