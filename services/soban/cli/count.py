"""`soban count`: tokens of texts or conversations by a model's own tokenizer."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import grpc

import soban.v1 as pb
from soban.cli.batch import Pending
from soban.cli.client import TOKENIZATION
from soban.cli.console import Console
from soban.cli.lines import Item
from soban.cli.messages import text_of
from soban.cli.models import MODEL_HELP, chosen_model
from soban.cli.options import Subparsers, add_text_verb, name_type
from soban.cli.texts import TextVerb, run_texts
from soban.cli.width import clip, pad

_EXAMPLES = (
    'soban count "오늘 날씨가 참 좋네요."',
    "soban count --model soban-demo --json < 문서.txt",
    """soban count '{"messages": [{"role": "user", "content": "배고파"}]}'""",
)
_TEXT_COLUMNS = 50


def add_to(verbs: Subparsers) -> None:
    """Adds the verb."""
    summary = "count the tokens that a model sees"
    parser = add_text_verb(verbs, "count", run, server=TOKENIZATION, summary=summary, examples=_EXAMPLES)
    parser.add_argument("--model", type=name_type, metavar="NAME", help=MODEL_HELP)


def run(args: argparse.Namespace, console: Console) -> int:
    """Counts every input: a text by itself, `messages` as the chat template renders them."""
    model = chosen_model(args.model, console.env, args.timeout)

    def bound(channel: grpc.Channel) -> Callable[[Item], Pending[pb.CountTokensResponse]]:
        stub = pb.TokenizationServiceStub(channel)
        return lambda item: stub.CountTokens.future(_request(item, model), timeout=args.timeout)

    counts = _Counts(console)
    return run_texts(args, console, TextVerb(TOKENIZATION, bound, counts.show, counts.total, conversations=True))


def _request(item: Item, model: str) -> pb.CountTokensRequest:
    if item.messages:
        return pb.CountTokensRequest(model=model, messages=item.messages)
    return pb.CountTokensRequest(model=model, texts=[item.text])


class _Counts:
    """Rows of tokens, eojeol and text, and their sum."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows = self._tokens = self._eojeol = 0

    def show(self, item: Item, answer: pb.CountTokensResponse) -> Sequence[str]:
        head = [] if self._rows else [self._row("토큰", "어절", "")]
        self._rows += 1
        self._tokens += answer.total
        self._eojeol += answer.eojeol
        text = item.text or " ".join(text_of(message) for message in item.messages)
        return [*head, self._row(answer.total, answer.eojeol, clip(text, _TEXT_COLUMNS))]

    def total(self) -> Sequence[str]:
        return [self._row(self._tokens, self._eojeol, "합계 total")] if self._rows > 1 else []

    def _row(self, tokens: int | str, eojeol: int | str, text: str) -> str:
        return f"{pad(str(tokens), 8, right=True)} {pad(str(eojeol), 8, right=True)}  {text}".rstrip()
