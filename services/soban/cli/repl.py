"""The prompt: a conversation of many turns on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import grpc

import soban.v1 as pb
from soban.cli.answer import AnswerStream, note_outcome
from soban.cli.client import GATEWAY, failed
from soban.cli.console import Console
from soban.cli.failure import EXIT_INTERRUPTED, EXIT_OK, Problem, problem_of
from soban.cli.lines import is_unicode
from soban.cli.messages import text_message

HELP = """\
  /reset          대화를 처음부터 (forget the conversation)
  /model [이름]   모델을 보거나 바꿈 (show or change the model)
  /help           이 도움말 (this help)
  /exit           나가기, Ctrl-D도 같음 (leave; Ctrl-D, too)
  답하는 동안 Ctrl-C를 누르면 그 답만 멈춥니다 (Ctrl-C stops an answer)"""
_HINT = "/help 도움말 · /exit 나가기"
_PROMPT = "나> "
_NOT_UNICODE = "읽을 수 없는 글자가 있습니다 (not UTF-8 text; nothing was sent)"
_EXITS = ("/exit", "/quit", "/나가기")


class Asks(Protocol):
    """Makes requests from conversations."""

    @property
    def model(self) -> str:
        """Name of the model it asks at first."""

    def request(self, messages: Sequence[pb.Message]) -> pb.ChatRequest:
        """For a conversation."""


class Prompt:
    """Reads, asks, shows; keeps the conversation in memory only."""

    def __init__(self, stub: pb.ChatServiceStub, asking: Asks, console: Console, timeout: float, address: str) -> None:
        self._stream = AnswerStream(stub, console, timeout)
        self._asking = asking
        self._console = console
        self._address = address
        self._model = asking.model
        self._turns: list[pb.Message] = []
        self._warned = self._left_by_ctrl_c = False

    def run(self) -> int:
        """Until /exit or the end of input. Ctrl-C at the prompt asks back once, and then leaves with 130."""
        _edit_lines()
        self._console.note(f"{self._model} · {_HINT}")
        while (text := self._read()) is not None and text not in _EXITS:
            if text:
                self._handle(text)
        return EXIT_INTERRUPTED if self._left_by_ctrl_c else EXIT_OK

    def _read(self) -> str | None:
        """What was typed; None at the end."""
        try:
            text = self._console.ask(self._prompt()).strip()
        except EOFError:
            self._console.write()
            return None
        except KeyboardInterrupt:
            return self._after_ctrl_c()
        except UnicodeDecodeError:
            text = ""
            self._console.note(_NOT_UNICODE, "red")
        self._warned = False
        return text

    def _after_ctrl_c(self) -> str | None:
        self._console.write()
        if self._warned:
            self._left_by_ctrl_c = True
            return None
        self._warned = True
        self._console.note("한 번 더 Ctrl-C를 누르면 나갑니다 (press Ctrl-C again to leave)")
        return ""

    def _handle(self, text: str) -> None:
        """A command or a question. Under a lenient encoding, bytes that are no text arrive as lone surrogates."""
        command, _, rest = text.partition(" ")
        if not is_unicode(text):
            self._console.note(_NOT_UNICODE, "red")
        elif not text.startswith("/") or text.startswith("//"):
            self._answer(text.removeprefix("/") if text.startswith("//") else text)
        elif command in ("/reset", "/새로"):
            self._turns.clear()
            self._console.note("대화를 비웠습니다 (conversation cleared)")
        elif command in ("/model", "/모델"):
            self._model = rest.strip() or self._model
            self._console.note(f"model {self._model}")
        else:
            self._console.note(HELP if command in ("/help", "/도움말") else f"{command}? {_HINT}")

    def _answer(self, text: str) -> None:
        """One turn. A cancelled answer stays as far as it came; a failed one is as if it had not been asked."""
        turns = [*self._turns, text_message(pb.ROLE_USER, text)]
        try:
            problem = self._ask(turns)
        except KeyboardInterrupt:
            problem = None
            self._console.note("멈췄습니다 (answer cancelled)", "yellow")
        if problem is not None:
            self._console.note(self._line(problem), "red")
        said = self._stream.answer.text
        if problem is None and said:
            self._turns = [*turns, text_message(pb.ROLE_ASSISTANT, said)]

    def _ask(self, turns: list[pb.Message]) -> Problem | None:
        """Asks, and takes the oldest out of `turns` when they have outgrown the model's context."""
        while True:
            request = self._asking.request(turns)
            request.model = self._model
            try:
                note_outcome(self._stream.run(request), self._console)
            except grpc.RpcError as err:
                problem = problem_of(err)
            else:
                return None
            if problem.reason != "CONTEXT_OVERFLOW" or len(turns) < 3:
                return problem
            del turns[:2]
            self._console.note("대화가 길어 앞부분을 잊었습니다 (forgot the oldest turn)")

    def _line(self, problem: Problem) -> str:
        return str(failed(problem, GATEWAY, self._address))

    def _prompt(self) -> str:
        """Marks for the line editor which part of the prompt takes no columns."""
        if not self._console.has_colours(self._console.out):
            return _PROMPT
        return f"\001\x1b[1;36m\002{_PROMPT}\001\x1b[0m\002"


def _edit_lines() -> None:
    """Arrow keys and history at `input`, where Python has readline."""
    try:
        import readline  # noqa: F401
    except ImportError:
        return
