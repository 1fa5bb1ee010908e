"""A streamed answer: shown while it comes, then told in one line."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import soban.v1 as pb
from soban.cli.console import Console
from soban.cli.verdicts import reason_of, summary_of
from soban.cli.width import printable

_NOT_SAID = {
    pb.FINISH_REASON_LENGTH: "길이 제한에서 끊김 (stopped at the token limit)",
    pb.FINISH_REASON_CANCELLED: "취소됨 (cancelled)",
    pb.FINISH_REASON_TOOL_CALLS: "도구 호출 (asks for tools; see --json)",
}


@dataclass
class Answer:
    """What has come so far of a streamed answer."""

    model: str = ""
    texts: dict[int, str] = field(default_factory=dict)
    finish_reasons: dict[int, pb.FinishReason.ValueType] = field(default_factory=dict)
    summary: pb.ChatSummary = field(default_factory=pb.ChatSummary)
    first_text_seconds: float | None = None
    """From the call until its first text was here, on this machine's clock."""

    @property
    def text(self) -> str:
        """The first choice."""
        return self.texts.get(0, "")

    @property
    def blocked(self) -> bool:
        """Whether safety ended it."""
        return pb.FINISH_REASON_SAFETY in self.finish_reasons.values()


class AnswerStream:
    """One `StreamChat` call, written to the console. Leaving it early cancels the call on the server, too."""

    def __init__(self, stub: pb.ChatServiceStub, console: Console, timeout: float) -> None:
        self._stub = stub
        self._console = console
        self._timeout = timeout
        self.answer = Answer()

    def run(self, request: pb.ChatRequest) -> Answer:
        """Shows the text. Raises grpc.RpcError; what came before stays in `answer`."""
        self.answer = Answer()
        began = time.monotonic()
        call = self._stub.StreamChat(pb.StreamChatRequest(chat=request), timeout=self._timeout)
        try:
            for event in call:
                self._take(event, began)
        finally:
            call.cancel()
            if self.answer.texts:
                self._console.write()
        for index in sorted(self.answer.texts.keys() - {0}):
            self._console.write(f"[{index + 1}] {printable(self.answer.texts[index])}")
        return self.answer

    def _take(self, event: pb.StreamChatResponse, began: float) -> None:
        answer, kind = self.answer, event.WhichOneof("event")
        if kind == "start":
            answer.model = event.start.model
            if event.start.ai_notice:
                self._console.note(printable(event.start.ai_notice))
        elif kind == "delta" and event.delta.text:
            if answer.first_text_seconds is None:
                answer.first_text_seconds = time.monotonic() - began
            self._append(event.delta)
        elif kind == "finish":
            answer.finish_reasons[event.finish.index] = event.finish.finish_reason
        elif kind == "summary":
            answer.summary = event.summary

    def _append(self, delta: pb.ChatDelta) -> None:
        self.answer.texts[delta.index] = self.answer.texts.get(delta.index, "") + delta.text
        if delta.index == 0:
            self._console.write(printable(delta.text) if self._console.out.isatty() else delta.text, end="")


def note_outcome(answer: Answer, console: Console) -> None:
    """Why it ended when that is not plain, and the line of usage, speed and safety."""
    for reason in dict.fromkeys(answer.finish_reasons.values()):
        if reason in _NOT_SAID:
            console.note(_NOT_SAID[reason], "yellow")
    if answer.blocked:
        reasons = [reason_of(verdict) for verdict in answer.summary.verdicts if verdict.action == pb.ACTION_BLOCK]
        console.note("차단됨 (blocked): " + " ".join(reason for reason in reasons if reason), "red")
    console.note(outcome(answer))


def outcome(answer: Answer) -> str:
    """`soban-demo · 입력 in 12 · 출력 out 9 tokens (3 eojeol) · 85.0 tokens/s · first text 41 ms · safety`."""
    usage, timings = answer.summary.usage, answer.summary.timings
    parts = [answer.model, f"입력 in {usage.input_tokens}"]
    parts.append(f"출력 out {usage.output_tokens} tokens ({usage.output_eojeol} 어절 eojeol)")
    steps = answer.summary.route_steps
    if steps:
        parts.append(" → ".join(f"{step.model} {step.outcome}" for step in steps))
    elif timings.decode_ms > 0:
        parts.append(f"{usage.output_tokens * 1000 / timings.decode_ms:.1f} tokens/s")
    if answer.first_text_seconds is not None:
        parts.append(f"첫 글자 first text {answer.first_text_seconds * 1000:.0f} ms")
    return " · ".join([*(part for part in parts if part), summary_of(answer.summary.verdicts)])
