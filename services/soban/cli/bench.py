"""`soban bench`: a small load generator against the gateway."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import soban.v1 as pb
from soban.cli.client import GATEWAY, failed
from soban.cli.console import Console
from soban.cli.failure import EXIT_FAILED, EXIT_OK
from soban.cli.lines import dumps
from soban.cli.load import Load, Report, measure
from soban.cli.messages import text_message
from soban.cli.models import MODEL_HELP, chosen_model
from soban.cli.options import MAX_INT32, Subparsers, add_connection, add_json, add_verb, name_type, number, seconds
from soban.cli.width import table

_EXAMPLES = (
    "soban bench --streams 8 --requests 50",
    "soban bench --streams 32 --requests 320 --max-tokens 64 --ignore-eos --json",
)
_NOTES = """\
Times are measured by the caller. Requests that have not ended after --seconds are cancelled and not counted.
Exit codes: 0 all requests succeeded, 1 some failed or were not made in time, 3 server unreachable."""
_PROMPTS = (
    "안녕하세요, 오늘 기분이 어때요?",
    "배고픈데 뭘 먹으면 좋을까?",
    "주말에 비가 온대. 집에서 뭘 하지?",
    "친구랑 다퉜는데 먼저 사과할까?",
    "요즘 잠이 잘 안 와요.",
    "시험에 합격했어! 너무 기쁘다ㅎㅎ",
    "새로 이사 온 동네가 아직 낯설어요.",
    "운동을 시작하고 싶은데 어떻게 할까?",
)


def add_to(verbs: Subparsers) -> None:
    """Adds the verb."""
    summary = "measure the gateway under a small load"
    parser = add_verb(verbs, "bench", run, summary=summary, examples=_EXAMPLES, notes=_NOTES)
    parser.add_argument("--streams", type=number(1, 1024), default=8, metavar="N", help="callers at once (default 8)")
    requests = number(1, 1_000_000)
    parser.add_argument("--requests", type=requests, default=50, metavar="N", help="requests in all (default 50)")
    parser.add_argument("--seconds", type=seconds, default=60.0, metavar="S", help="longest run (default 60)")
    parser.add_argument("--model", type=name_type, metavar="NAME", help=MODEL_HELP)
    tokens = number(1, MAX_INT32)
    parser.add_argument("--max-tokens", type=tokens, default=64, metavar="N", help="most output tokens (default 64)")
    parser.add_argument("--ignore-eos", action="store_true", help="go on until --max-tokens: answers of equal length")
    add_connection(parser, GATEWAY, timeout=60.0)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Measures and reports."""
    address = GATEWAY.address(args.address, console.env)
    model = chosen_model(args.model, console.env, args.timeout)
    options = pb.GenerationOptions(max_tokens=args.max_tokens, ignore_eos=args.ignore_eos)

    def request(number: int) -> pb.ChatRequest:
        message = text_message(pb.ROLE_USER, _PROMPTS[number % len(_PROMPTS)])
        return pb.ChatRequest(model=model, messages=[message], options=options)

    load = Load(args.streams, args.requests, args.seconds, args.timeout)
    report = asyncio.run(measure(address, request, load))
    unreached = [sample.problem for sample in report.samples if sample.problem and sample.problem.unreachable]
    if unreached and len(unreached) == len(report.samples):
        raise failed(unreached[0], GATEWAY, address)
    fields = {"model": model, "streams": args.streams, **report_fields(report)}
    for line in [dumps({"id": 1, **fields})] if args.json else _lines(fields):
        console.write(line)
    return EXIT_OK if report.complete and not report.errors else EXIT_FAILED


def report_fields(report: Report) -> dict[str, Any]:
    """What a run found, for JSON and for people."""
    return {
        "requests": len(report.samples),
        "complete": report.complete,
        "errors": dict(report.errors),
        "seconds": round(report.seconds, 3),
        "output_tokens": report.output_tokens,
        "tokens_per_second": round(report.tokens_per_second, 1),
        "first_text_ms": report.first_text_ms,
        "total_ms": report.total_ms,
    }


def _lines(fields: dict[str, Any]) -> list[str]:
    return table([(name, _cell(value)) for name, value in fields.items()])


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return "   ".join(f"{name} {entry}" for name, entry in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
