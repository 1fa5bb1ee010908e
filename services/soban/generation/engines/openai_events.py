"""The events of a stream of an OpenAI API as pieces of one answer. Every token passes here: it is kept cheap.

An event of a chat looks like this, one of a text completion has `text` in place of `delta`:

    {"choices": [{"finish_reason": null, "index": 0, "delta": {"content": "안녕"}}], "usage": null, ...}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import soban.v1 as pb
from soban.generation.engine import Finished, Piece
from soban.generation.engines.openai_errors import ErrorOf, error_of, refusal_in
from soban.generation.engines.streamed import StreamedAnswer
from soban.generation.engines.text import WholeText
from soban.runtime.errors import EngineFailed

_REASONS = {
    "stop": pb.FINISH_REASON_STOP,
    "eos_token": pb.FINISH_REASON_STOP,
    "stop_sequence": pb.FINISH_REASON_STOP,
    "length": pb.FINISH_REASON_LENGTH,
    "tool_calls": pb.FINISH_REASON_TOOL_CALLS,
    "function_call": pb.FINISH_REASON_TOOL_CALLS,
    "content_filter": pb.FINISH_REASON_SAFETY,
}
# Said by vLLM and SGLang of an answer that the engine itself broke off: it is not whole.
_BROKEN_OFF = ("abort", "error")
_NUMBERED = "token_id:"
_BROKEN = "\ufffd".encode()


class Answer(StreamedAnswer):
    """Collects one answer: `take` each event's data, then `piece` is what they brought.

    Tokens are the engine's own count where events carry `usage`, and before that one for each event with something in
    it, or one for each log-probability.
    """

    def __init__(self, request: pb.GenerateRequest, error: ErrorOf = error_of) -> None:
        super().__init__(request)
        self._error = error
        self._thought = WholeText()
        self._called = False
        self._shown = False

    def piece(self) -> Piece | None:
        """What came since the last call; None if there is nothing to show yet."""
        piece = self._piece
        if not (piece.text or piece.reasoning or piece.tool_calls or (piece.logprobs and self.complete)):
            return None
        self._piece = Piece()
        if not self._shown:
            self._shown = True
            piece.input_tokens = self._usage.input_tokens or None
        return piece

    def rest(self) -> Piece | None:
        """As `piece`, once the answer is complete: with what was held back."""
        self._piece.reasoning += self._thought.flush()
        self._piece.text += self._stops.push(self._text.flush()) + self._stops.flush()
        self._waiting.settle_all(self._piece)
        return self.piece()

    def finished(self) -> Finished:
        """As of every streamed answer."""
        end = super().finished()
        if self._called and end.reason == pb.FINISH_REASON_STOP and not end.stop_sequence:
            # vLLM says "stop" of a call that was asked for by name.
            end.reason = pb.FINISH_REASON_TOOL_CALLS
        return end

    def _take(self, event: dict[str, Any]) -> None:
        if event.get("error") or event.get("object") == "error":
            raise self._error(refusal_in(event), self._request)
        choices = event["choices"]
        if not choices or self._stops.found:
            self._count(event, 0)
            return
        choice = choices[0]
        delta = choice.get("delta")
        text = choice.get("text") if delta is None else delta.get("content")
        thought = calls = None
        if delta:
            thought = delta.get("reasoning_content") or delta.get("reasoning")
            calls = delta.get("tool_calls")
            text = text or delta.get("refusal")
        logprobs = choice.get("logprobs")
        told = self._logprobs(logprobs) if logprobs else None
        tokens = self._count(event, len(told) if told else 1 if text or thought or calls else 0)
        piece = self._piece
        if text:
            piece.text += self._stops.push(self._text.push(text))
        if thought:
            piece.reasoning += self._thought.push(thought)
            self._usage.reasoning_tokens += tokens
        if calls:
            self._called = True
            piece.tool_calls += [_tool_call(call) for call in calls]
        if (text or thought) and not (
            self._waiting.events or self._text.held or self._stops.held or self._thought.held
        ):
            piece.tokens += tokens
            if told:
                piece.logprobs += told
        else:
            self._wait(text, thought, tokens, told or ())
        if choice.get("finish_reason"):
            self._end(choice["finish_reason"])

    def _wait(self, text: str | None, thought: str | None, tokens: int, logprobs: Sequence[pb.TokenLogprob]) -> None:
        """What an event brought is counted once its text leaves; that of a call has left."""
        if text:
            # Thoughts are over.
            self._piece.reasoning += self._thought.flush()
        self._waiting.add(len(text or thought or ""), tokens, logprobs)
        if self._piece.tool_calls:
            self._waiting.settle_all(self._piece)
        else:
            held = len(self._text.held) + len(self._stops.held) + len(self._thought.held)
            self._waiting.settle(self._piece, held)

    def _end(self, reason: str) -> None:
        if reason in _BROKEN_OFF:
            raise EngineFailed("the engine broke the answer off")
        self._reason = _REASONS[reason]

    def _count(self, event: dict[str, Any], seen: int) -> int:
        """Keeps the usage and answers how many tokens this event adds; `seen` is how many it looks like."""
        usage, before = self._usage, self._usage.output_tokens
        told = event.get("usage")
        if told:
            self._take_usage(told)
        else:
            usage.output_tokens += seen
        return usage.output_tokens - before

    def _take_usage(self, told: Mapping[str, Any]) -> None:
        usage = self._usage
        usage.output_tokens = told.get("completion_tokens") or 0
        usage.input_tokens = told["prompt_tokens"]
        usage.cached_input_tokens = (told.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        thought = (told.get("completion_tokens_details") or told).get("reasoning_tokens")
        if thought:
            usage.reasoning_tokens = thought

    def _logprobs(self, told: Mapping[str, Any]) -> list[pb.TokenLogprob]:
        if "tokens" in told:
            return _old_logprobs(told, self._top_logprobs)
        return [self._logprob(item) for item in told.get("content") or ()]

    def _logprob(self, item: Mapping[str, Any]) -> pb.TokenLogprob:
        told = _logprob(item)
        if self._top_logprobs:
            told.top.extend(_logprob(other) for other in item["top_logprobs"][: self._top_logprobs])
        return told


def _logprob(item: Mapping[str, Any]) -> pb.TokenLogprob:
    """llama.cpp sends the tokens of one character together, under the id and logprob of the last.

    vLLM writes "token_id:42" for a token where `return_tokens_as_token_ids` asks it to, and its text into `bytes`.
    Bytes that are those of U+FFFD are not the token's own, and left out.
    """
    token, token_id, raw = item["token"], item.get("id"), item.get("bytes")
    own = token.encode() if raw is None else bytes(raw)
    if token.startswith(_NUMBERED):
        token_id, token = int(token.removeprefix(_NUMBERED)), own.decode(errors="replace")
    if _BROKEN in own:
        own = b""
    return pb.TokenLogprob(token=token, bytes=own, logprob=item["logprob"], token_id=token_id)


def _old_logprobs(told: Mapping[str, Any], most: int) -> list[pb.TokenLogprob]:
    """The form of text completions: one list for tokens, one for their values, one of objects for alternatives.

    The last may be shorter, or not there.
    """
    tops = iter(told.get("top_logprobs") or ())
    found = []
    for token, value in zip(told["tokens"], told["token_logprobs"], strict=True):
        made = _logprob({"token": token, "logprob": value or 0.0})
        likely = sorted((next(tops, None) or {}).items(), key=lambda pair: -pair[1])[:most]
        made.top.extend(_logprob({"token": other, "logprob": logprob}) for other, logprob in likely)
        found.append(made)
    return found


def _tool_call(call: Mapping[str, Any]) -> pb.ToolCallDelta:
    function = call.get("function") or {}
    return pb.ToolCallDelta(
        index=call.get("index") or 0,
        id=call.get("id") or "",
        name=function.get("name") or "",
        arguments=function.get("arguments") or "",
    )
