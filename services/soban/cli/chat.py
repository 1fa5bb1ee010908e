"""`soban chat` and `soban complete`: answers through the gateway, behind its safety policy."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc

import soban.v1 as pb
from soban.cli.answer import AnswerStream, note_outcome
from soban.cli.batch import Pending
from soban.cli.client import GATEWAY, failed, open_channel
from soban.cli.console import Console
from soban.cli.failure import EXIT_FAILED, EXIT_OK, Problem, problem_of
from soban.cli.lines import Item
from soban.cli.messages import text_message, text_of
from soban.cli.models import MODEL_HELP, chosen_model
from soban.cli.options import MAX_INT32, Parser, Run, Subparsers, add_text_verb, message_type, name_type, number
from soban.cli.repl import Prompt
from soban.cli.texts import TextVerb, read_items, run_texts

_LONGEST_STREAM_SECONDS = 600.0
_BATCH_CONCURRENCY = 8

_CHAT_EXAMPLES = (
    "soban chat                                   # a conversation; /help shows its commands",
    'soban chat "안녕하세요, 오늘 기분이 어때요?"',
    'soban chat --system "한 문장으로 답해." --temperature 0 --seed 7 "배고파"',
    "soban chat --json < 질문.jsonl > 답.jsonl",
)
_COMPLETE_EXAMPLES = ('soban complete --max-tokens 40 "옛날 옛적에"',)


@dataclass(frozen=True)
class Asking:
    """How requests of this command are made from inputs."""

    model: str
    options: pb.GenerationOptions
    system: str = ""
    policy: str = ""
    raw: bool = False
    """Whether the text is a prompt to continue rather than a message."""

    def request(self, messages: Sequence[pb.Message], prompt: str = "") -> pb.ChatRequest:
        """For a conversation, before which the system text is put unless it has one."""
        system = [text_message(pb.ROLE_SYSTEM, self.system)] if self.system else []
        told = bool(messages) and messages[0].role == pb.ROLE_SYSTEM
        return pb.ChatRequest(
            model=self.model,
            messages=[*([] if told or self.raw else system), *messages],
            prompt=prompt,
            options=self.options,
            safety_policy=self.policy,
        )

    def request_of(self, item: Item) -> pb.ChatRequest:
        """For one input."""
        if self.raw:
            return self.request((), item.text)
        return self.request(item.messages or [text_message(pb.ROLE_USER, item.text)])


def add_to(verbs: Subparsers) -> None:
    """Adds both verbs."""
    summary = "chat with a model, or answer each input"
    chat = _add_verb(verbs, "chat", run_chat, summary, _CHAT_EXAMPLES)
    chat.add_argument("--system", type=name_type, default="", metavar="TEXT", help="instructions to the model")
    summary = "continue a raw prompt without a chat template"
    _add_verb(verbs, "complete", run_complete, summary, _COMPLETE_EXAMPLES)


def _add_verb(verbs: Subparsers, name: str, run: Run, summary: str, examples: Sequence[str]) -> Parser:
    parser = add_text_verb(
        verbs,
        name,
        run,
        server=GATEWAY,
        summary=summary,
        examples=examples,
        timeout=_LONGEST_STREAM_SECONDS,
        concurrency=_BATCH_CONCURRENCY,
    )
    parser.add_argument("--model", type=name_type, metavar="NAME", help=MODEL_HELP)
    parser.add_argument("--max-tokens", type=number(1, MAX_INT32), metavar="N", help="most output tokens")
    parser.add_argument("--temperature", type=float, metavar="T", help="randomness from 0 (greedy) to 2")
    parser.add_argument("--seed", type=number(0, 2**63 - 1), metavar="N", help="seed for the same answer again")
    policy = "safety policy (default: the model's)"
    parser.add_argument("--policy", type=name_type, default="", metavar="NAME", help=policy)
    options = message_type(pb.GenerationOptions)
    parser.add_argument("--options", type=options, metavar="JSON", help="further soban.v1.GenerationOptions as JSON")
    return parser


def run_chat(args: argparse.Namespace, console: Console) -> int:
    """A conversation on a terminal; otherwise an answer for each input."""
    asking = Asking(_model(args, console), generation_options(args), args.system, args.policy)
    if args.texts or args.json or not (console.keyboard and console.out.isatty()):
        return _answer_inputs(args, console, asking)
    address = GATEWAY.address(args.address, console.env)
    with open_channel(address) as channel:
        return Prompt(pb.ChatServiceStub(channel), asking, console, args.timeout, address).run()


def run_complete(args: argparse.Namespace, console: Console) -> int:
    """A continuation of each input."""
    return _answer_inputs(args, console, Asking(_model(args, console), generation_options(args), "", args.policy, True))


def _model(args: argparse.Namespace, console: Console) -> str:
    return chosen_model(args.model, console.env, args.timeout)


def generation_options(args: argparse.Namespace) -> pb.GenerationOptions:
    """What the arguments say; the server judges the values."""
    options = pb.GenerationOptions()
    if args.options is not None:
        options.CopyFrom(args.options)
    for name in ("max_tokens", "temperature", "seed"):
        if getattr(args, name) is not None:
            setattr(options, name, getattr(args, name))
    return options


def _answer_inputs(args: argparse.Namespace, console: Console, asking: Asking) -> int:
    if not args.json:
        return _stream_each(args, console, asking)

    def bound(channel: grpc.Channel) -> Callable[[Item], Pending[pb.ChatResponse]]:
        stub = pb.ChatServiceStub(channel)
        return lambda item: stub.Chat.future(asking.request_of(item), timeout=args.timeout)

    def show(_: Item, answer: pb.ChatResponse) -> Sequence[str]:
        return [text_of(choice.message) for choice in answer.choices]

    return run_texts(args, console, TextVerb(GATEWAY, bound, show, conversations=not asking.raw))


def _stream_each(args: argparse.Namespace, console: Console, asking: Asking) -> int:
    """One after the other, so that their texts do not mix."""
    address = GATEWAY.address(args.address, console.env)
    failures = 0
    with open_channel(address) as channel:
        stream = AnswerStream(pb.ChatServiceStub(channel), console, args.timeout)
        for item in read_items(args, console, conversations=not asking.raw):
            problem = item.problem or _stream_one(stream, asking.request_of(item), console)
            if problem is None:
                continue
            if problem.unreachable:
                raise failed(problem, GATEWAY, address)
            failures += 1
            console.note(problem.line("request failed" if len(args.texts) == 1 else item.label), "red")
    return EXIT_FAILED if failures else EXIT_OK


def _stream_one(stream: AnswerStream, request: pb.ChatRequest, console: Console) -> Problem | None:
    try:
        note_outcome(stream.run(request), console)
    except grpc.RpcError as err:
        return problem_of(err)
    return None
