"""Verbs that ask once for each text: input, requests, output, exit code."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import grpc
from google.protobuf.message import Message

from soban.cli.batch import Batch, Pending
from soban.cli.client import Server, failed, open_channel
from soban.cli.console import Console
from soban.cli.failure import EXIT_FAILED, EXIT_OK, Problem
from soban.cli.lines import Item, items_of_arguments, items_of_stream, json_line
from soban.cli.progress import Progress

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class TextVerb(Generic[M]):
    """What differs between the verbs."""

    server: Server
    ask: Callable[[grpc.Channel], Callable[[Item], Pending[M]]]
    """Given a channel, begins the request for one item."""
    show: Callable[[Item, M], Sequence[str]]
    """The answer as lines for people."""
    finish: Callable[[], Sequence[str]] = tuple
    """Lines for people at the end."""
    conversations: bool = False
    """Whether JSON inputs may have `messages` instead of `text`."""


def read_items(args: argparse.Namespace, console: Console, conversations: bool = False) -> Iterator[Item]:
    """The arguments, or the lines of standard input when there are none or `-`."""
    if args.texts and args.texts != ["-"]:
        return items_of_arguments(args.texts, conversations)
    if console.keyboard:
        console.note("reading lines from the keyboard; Ctrl-D ends")
    return items_of_stream(console.stdin, conversations)


def run_texts(args: argparse.Namespace, console: Console, verb: TextVerb[M]) -> int:
    """Answers every input in order. Raises Failure when nobody answers at the server's address."""
    address = verb.server.address(args.address, console.env)
    writer = _Writer(args, console, verb)
    with open_channel(address) as channel:
        reached = False
        items = read_items(args, console, verb.conversations)
        for item, result in Batch(items, verb.ask(channel), args.concurrency):
            unreachable = isinstance(result, Problem) and result.unreachable
            if isinstance(result, Problem) and unreachable and not reached:
                raise failed(result, verb.server, address)
            reached = reached or not (unreachable or item.problem)
            writer.write(item, result)
    return writer.finish()


class _Writer(Generic[M]):
    def __init__(self, args: argparse.Namespace, console: Console, verb: TextVerb[M]) -> None:
        self._json = args.json
        self._alone = len(args.texts) == 1 and args.texts != ["-"]
        self._console = console
        self._verb = verb
        self._progress = Progress(console)

    def write(self, item: Item, result: M | Problem) -> None:
        self._progress.count(isinstance(result, Problem))
        if self._json:
            self._console.write(json_line(item.id, result))
        elif isinstance(result, Problem):
            self._progress.erase()
            self._console.note(result.line("request failed" if self._alone else item.label), "red")
        else:
            for line in self._verb.show(item, result):
                self._console.write(line)

    def finish(self) -> int:
        self._progress.erase()
        if not self._json:
            for line in self._verb.finish():
                self._console.write(line)
        return EXIT_FAILED if self._progress.failed else EXIT_OK
