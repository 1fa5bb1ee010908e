"""`soban analyze`: Korean morphology."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import grpc

import soban.v1 as pb
from soban.cli.batch import Pending
from soban.cli.client import TOKENIZATION
from soban.cli.console import Console
from soban.cli.lines import Item
from soban.cli.options import Subparsers, add_text_verb, message_type, number
from soban.cli.tags import tag_name
from soban.cli.texts import TextVerb, run_texts
from soban.cli.width import clip, printable, table

_EXAMPLES = (
    'soban analyze "친구랑 영화를 봤어요."',
    'soban analyze --table "했다"',
    "soban analyze --json < 문장.txt | jq -r '.analyses[0].morphemes[].form'",
    """soban analyze --options '{"typo_tolerance": "TYPO_TOLERANCE_BASIC"}' "됬어요\"""",
)


def add_to(verbs: Subparsers) -> None:
    """Adds the verb."""
    summary = "analyse Korean text into morphemes"
    parser = add_text_verb(verbs, "analyze", run, server=TOKENIZATION, summary=summary, examples=_EXAMPLES)
    parser.add_argument("--table", action="store_true", help="one morpheme a line, with the name of its tag")
    parser.add_argument("--top-n", type=number(1, 10), metavar="N", help="show the N best readings (default 1)")
    parser.add_argument("--sentences", action="store_true", help="find sentences, too; each is shown on its own line")
    options = message_type(pb.AnalyzeOptions)
    parser.add_argument("--options", type=options, metavar="JSON", help="further soban.v1.AnalyzeOptions as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Analyses every input."""
    show = morpheme_table if args.table else _inline
    verb = TextVerb(TOKENIZATION, _asker(args), lambda _, answer: list(_shown(answer, show, console)))
    return run_texts(args, console, verb)


def _asker(args: argparse.Namespace) -> Callable[[grpc.Channel], Callable[[Item], Pending[pb.AnalyzeResponse]]]:
    options = pb.AnalyzeOptions()
    if args.options is not None:
        options.CopyFrom(args.options)
    options.sentences = options.sentences or args.sentences
    if args.top_n is not None:
        options.top_n = args.top_n

    def bound(channel: grpc.Channel) -> Callable[[Item], Pending[pb.AnalyzeResponse]]:
        stub = pb.TokenizationServiceStub(channel)
        return lambda item: stub.Analyze.future(
            pb.AnalyzeRequest(text=item.text, options=options), timeout=args.timeout
        )

    return bound


_Show = Callable[[Sequence[pb.Morpheme], Console], Iterable[str]]


def _shown(answer: pb.AnalyzeResponse, show: _Show, console: Console) -> Iterator[str]:
    for rank, analysis in enumerate(answer.analyses, 1):
        if len(answer.analyses) > 1:
            yield console.paint(f"{rank}. ({analysis.score:.2f})", "dim")
        yield from show(analysis.morphemes, console)
    if answer.HasField("next_offset"):
        yield console.paint(f"(stopped at {answer.next_offset}: the deadline was near; see --timeout)", "yellow")


def _inline(morphemes: Sequence[pb.Morpheme], console: Console) -> Iterator[str]:
    """`친구/NNG+랑/JC 영화/NNG+를/JKO`: morphemes of one eojeol joined by '+', a sentence a line."""
    if not morphemes:
        yield ""
    for _, sentence in itertools.groupby(morphemes, lambda morpheme: (morpheme.line_index, morpheme.sentence_index)):
        eojeols = itertools.groupby(sentence, lambda morpheme: morpheme.eojeol_index)
        yield " ".join("+".join(_notation(morpheme, console) for morpheme in eojeol) for _, eojeol in eojeols)


def _notation(morpheme: pb.Morpheme, console: Console) -> str:
    return printable(morpheme.form) + console.paint(f"/{morpheme.tag}", "dim")


def morpheme_table(morphemes: Sequence[pb.Morpheme], console: Console) -> Iterator[str]:
    """Form, tag and its name, dictionary form, what stands in the text, span."""
    rows = [("형태", "품사", "", "원형", "본문", "위치")]
    for morpheme in morphemes:
        span = f"{morpheme.span.start}-{morpheme.span.end}"
        texts = [clip(text, 24) for text in (morpheme.form, morpheme.lemma, morpheme.surface)]
        rows.append((texts[0], morpheme.tag, tag_name(morpheme.tag), texts[1], texts[2], span))
    head, *lines = table(rows)
    yield console.paint(head, "dim")
    yield from lines
