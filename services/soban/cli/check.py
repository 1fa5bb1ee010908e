"""`soban check` and `soban mask`: what safety finds in a text, and the text without personal data."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import grpc

import soban.v1 as pb
from soban.cli.batch import Pending
from soban.cli.client import SAFETY
from soban.cli.console import Console
from soban.cli.lines import Item
from soban.cli.options import Parser, Subparsers, add_text_verb, name_type
from soban.cli.texts import TextVerb, run_texts
from soban.cli.verdicts import action_name, action_style, finding_lines, highlighted, reason_of, with_placeholders
from soban.cli.width import printable

_CHECK_EXAMPLES = (
    'soban check "제 번호는 010-1234-5678이에요"',
    "soban check --json < 댓글.txt | jq -r 'select(.verdict.action == \"ACTION_BLOCK\").id'",
    'soban check --direction output --explain "연락 주세요: gildong@example.com"',
)
_MASK_EXAMPLES = (
    "soban mask < 상담기록.txt > 가린기록.txt",
    'soban mask --category pii.phone "길동이 번호는 010-1234-5678이고 메일은 gildong@example.com이야"',
)


def add_to(verbs: Subparsers) -> None:
    """Adds both verbs."""
    check = add_text_verb(
        verbs, "check", run_check, server=SAFETY, summary="judge text by a safety policy", examples=_CHECK_EXAMPLES
    )
    check.add_argument(
        "--direction", choices=("input", "output"), default="input", help="way of the text (default input)"
    )
    _add_policy(check)
    mask = add_text_verb(
        verbs, "mask", run_mask, server=SAFETY, summary="replace personal data in text", examples=_MASK_EXAMPLES
    )
    help_text = "category to mask, such as pii.phone or pii; repeat it for more (default: what the policy masks)"
    mask.add_argument("--category", type=name_type, action="append", default=[], metavar="NAME", help=help_text)
    _add_policy(mask)


def _add_policy(parser: Parser) -> None:
    help_text = "safety policy (default: the server's)"
    parser.add_argument("--policy", type=name_type, default="", metavar="NAME", help=help_text)
    parser.add_argument("--explain", action="store_true", help="tell evidence and dropped candidates, too")


def run_check(args: argparse.Namespace, console: Console) -> int:
    """Judges every input; a blocked text is a result and no error."""
    direction = pb.DIRECTION_OUTPUT if args.direction == "output" else pb.DIRECTION_INPUT
    common = pb.CheckRequest(policy=args.policy, direction=direction, explain=args.explain)

    def bound(channel: grpc.Channel) -> Callable[[Item], Pending[pb.CheckResponse]]:
        stub = pb.SafetyServiceStub(channel)
        return lambda item: stub.Check.future(_check_request(item, common), timeout=args.timeout)

    verb = TextVerb(SAFETY, bound, lambda item, answer: list(_check_lines(item, answer, console)), conversations=True)
    return run_texts(args, console, verb)


def _check_request(item: Item, common: pb.CheckRequest) -> pb.CheckRequest:
    request = pb.CheckRequest(text=item.text, messages=item.messages)
    request.MergeFrom(common)
    return request


def _check_lines(item: Item, answer: pb.CheckResponse, console: Console) -> Iterator[str]:
    verdict = answer.verdict
    action = console.paint(action_name(verdict.action), action_style(verdict.action), "bold")
    yield f"{action}  {highlighted(item.text, verdict.findings, console)}"
    for line in finding_lines(verdict, item.text):
        yield console.paint(f"  {line}", "dim")
    if reason_of(verdict):
        yield f"  {reason_of(verdict)}"
    if answer.masked_text:
        yield f"  → {with_placeholders(answer.masked_text, verdict.findings, console)}"


def run_mask(args: argparse.Namespace, console: Console) -> int:
    """Masks every input; its text alone is written, so that the verb works in a pipe."""

    def bound(channel: grpc.Channel) -> Callable[[Item], Pending[pb.MaskResponse]]:
        stub = pb.SafetyServiceStub(channel)
        return lambda item: stub.Mask.future(_mask_request(item, args), timeout=args.timeout)

    verb = TextVerb(SAFETY, bound, lambda _, answer: list(_mask_lines(answer, args.explain, console)))
    return run_texts(args, console, verb)


def _mask_request(item: Item, args: argparse.Namespace) -> pb.MaskRequest:
    return pb.MaskRequest(texts=[item.text], policy=args.policy, categories=args.category, explain=args.explain)


def _mask_lines(answer: pb.MaskResponse, explain: bool, console: Console) -> Iterator[str]:
    for masked in answer.results:
        if console.out.isatty():
            yield with_placeholders(masked.text, masked.findings, console)
        else:
            yield masked.text
        for rejected in masked.rejected if explain else ():
            yield console.paint(f"  {rejected.category} dropped: {printable(rejected.reason)}", "dim")
