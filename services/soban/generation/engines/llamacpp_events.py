"""The events of a llama.cpp stream as pieces of one answer. Every token passes here: it is kept cheap.

An event of a chat looks like this, one of a text completion has `text` in place of `delta`:

    {"choices": [{"finish_reason": null, "index": 0, "delta": {"content": "안녕"}}], "timings": {...}, ...}
"""

from __future__ import annotations

import json
from typing import Any

import soban.v1 as pb
from soban.generation.engine import Finished, Piece, Usage
from soban.generation.engines.llamacpp_errors import error_in
from soban.generation.engines.stops import StopMatcher
from soban.generation.engines.text import WholeText
from soban.runtime.errors import EngineLost

_DONE = b"[DONE]"
_REASONS = {
    "stop": pb.FINISH_REASON_STOP,
    "length": pb.FINISH_REASON_LENGTH,
    "tool_calls": pb.FINISH_REASON_TOOL_CALLS,
}
# `json.loads` looks for the encoding and for white space around: half of its time on an event.
_decode = json.JSONDecoder().raw_decode


class Answer:
    """Collects one answer: `take` each event's data, then `piece` is what they brought."""

    def __init__(self, request: pb.GenerateRequest) -> None:
        self._request = request
        self._text = WholeText()
        self._thought = WholeText()
        self._stops = StopMatcher(request.options.stop)
        self._top_logprobs = request.options.top_logprobs
        self._piece = Piece()
        self._usage = Usage()
        self._reason: pb.FinishReason.ValueType | None = None
        self._done = False

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be read: the stream said so, or a stop text was met."""
        return self._done or bool(self._stops.found)

    def take(self, data: bytes) -> None:
        """Raises EngineLost for an event that makes no sense, and what an error event stands for."""
        if data == _DONE:
            self._done = True
            return
        try:
            self._take(_decode(data.decode())[0])
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as err:
            # Without the cause: it may quote the text.
            raise EngineLost(f"the engine sent an event that makes no sense ({type(err).__name__})") from None

    def piece(self) -> Piece | None:
        """What came since the last call; None if there is nothing to show yet."""
        piece = self._piece
        if not (piece.text or piece.reasoning or piece.tool_calls or piece.logprobs):
            return None
        self._piece = Piece()
        return piece

    def rest(self) -> Piece | None:
        """As `piece` at the end: with what was held back."""
        self._piece.reasoning += self._thought.flush()
        self._piece.text += self._stops.push(self._text.flush()) + self._stops.flush()
        return self.piece()

    def finished(self) -> Finished:
        """How it ended. Raises EngineLost when it was cut off."""
        if self._stops.found:
            return Finished(pb.FINISH_REASON_STOP, self._usage, self._stops.found)
        if self._reason is None:
            raise EngineLost("the engine ended its stream before the answer")
        return Finished(self._reason, self._usage)

    def _take(self, event: dict[str, Any]) -> None:
        if "error" in event:
            raise error_in(self._request, event["error"])
        tokens = self._count(event)
        choices = event["choices"]
        if not choices or self._stops.found:
            return
        choice = choices[0]
        delta = choice.get("delta")
        text = choice["text"] if delta is None else delta.get("content")
        piece = self._piece
        piece.tokens += tokens
        if text:
            piece.text += self._stops.push(self._text.push(text))
        if delta:
            self._take_beside(delta, tokens)
        if choice.get("logprobs"):
            piece.logprobs += [self._logprob(item) for item in choice["logprobs"]["content"]]
        if choice["finish_reason"]:
            self._reason = _REASONS[choice["finish_reason"]]

    def _take_beside(self, delta: dict[str, Any], tokens: int) -> None:
        thought = delta.get("reasoning_content")
        if thought:
            self._piece.reasoning += self._thought.push(thought)
            self._usage.reasoning_tokens += tokens
        if delta.get("tool_calls"):
            self._piece.tool_calls += [_tool_call(call) for call in delta["tool_calls"]]

    def _count(self, event: dict[str, Any]) -> int:
        """Keeps the usage and answers how many tokens this event adds."""
        usage, before = self._usage, self._usage.output_tokens
        timings = event.get("timings")
        if timings:
            usage.output_tokens = timings["predicted_n"]
            usage.cached_input_tokens = timings["cache_n"]
            usage.input_tokens = timings["cache_n"] + timings["prompt_n"]
        told = event.get("usage")
        if told:
            usage.output_tokens = told["completion_tokens"]
            usage.input_tokens = told["prompt_tokens"]
            usage.cached_input_tokens = (told.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        return usage.output_tokens - before

    def _logprob(self, item: dict[str, Any]) -> pb.TokenLogprob:
        told = _logprob(item)
        if self._top_logprobs:
            told.top.extend(_logprob(other) for other in item["top_logprobs"][: self._top_logprobs])
        return told


def _logprob(item: dict[str, Any]) -> pb.TokenLogprob:
    """llama.cpp sends the tokens of one character together, under the id and logprob of the last."""
    return pb.TokenLogprob(
        token=item["token"], bytes=bytes(item["bytes"]), logprob=item["logprob"], token_id=item["id"]
    )


def _tool_call(call: dict[str, Any]) -> pb.ToolCallDelta:
    function = call.get("function") or {}
    return pb.ToolCallDelta(
        index=call["index"],
        id=call.get("id") or "",
        name=function.get("name") or "",
        arguments=function.get("arguments") or "",
    )
