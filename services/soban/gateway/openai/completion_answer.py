"""Answers of /v1/completions: whole, and as chunks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import soban.v1 as pb
from soban.gateway.openai.answers import FINISH_REASONS, completion_logprobs, extension_of, marking_of, usage_of
from soban.gateway.openai.sse import Chunks, json_text

_ID_PREFIX = "cmpl-"
_OBJECT = "text_completion"


def whole(answer: pb.ChatResponse) -> dict[str, Any]:
    """The body of an answer that was not streamed."""
    return {
        "id": _ID_PREFIX + answer.id,
        "object": _OBJECT,
        "created": answer.create_time.seconds,
        "model": answer.model,
        "choices": [_choice(choice) for choice in answer.choices],
        "usage": usage_of(answer.summary),
        "soban": {**marking_of(answer), **extension_of(answer.summary)},
    }


def _choice(choice: pb.ChatChoice) -> dict[str, Any]:
    return {
        "index": choice.index,
        "text": "".join(part.text for part in choice.message.parts),
        "logprobs": completion_logprobs(choice.logprobs, 0),
        "finish_reason": FINISH_REASONS[choice.finish_reason],
    }


class CompletionChunks(Chunks):
    """`text_completion` objects; the offsets of log-probabilities count on over the pieces."""

    object_name = _OBJECT
    id_prefix = _ID_PREFIX

    def __init__(self, include_usage: bool) -> None:
        super().__init__(include_usage)
        self._offsets: Counter[int] = Counter()

    def begin(self) -> dict[str, Any]:
        """No text."""
        return {"text": "", "logprobs": None}

    def text(self, delta: pb.ChatDelta) -> str:
        """The usual piece: text alone."""
        self._offsets[delta.index] += len(delta.text)
        return f'"text":{json_text(delta.text)},"logprobs":null'

    def piece(self, delta: pb.ChatDelta) -> dict[str, Any]:
        """Any piece."""
        offset = self._offsets[delta.index]
        self._offsets[delta.index] += len(delta.text)
        return {"text": delta.text, "logprobs": completion_logprobs(delta.logprobs, offset)}

    def end(self, finish: pb.ChatFinish, summary: pb.ChatSummary) -> dict[str, Any]:  # noqa: ARG002
        """A choice's end; completions have no field for a reason."""
        return {"text": "", "logprobs": None}
