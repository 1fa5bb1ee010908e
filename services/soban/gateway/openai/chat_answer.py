"""Answers of /v1/chat/completions: whole, and as chunks."""

from __future__ import annotations

from typing import Any

import soban.v1 as pb
from soban.gateway.openai.answers import (
    FINISH_REASONS,
    chat_logprobs,
    extension_of,
    marking_of,
    refusal_of,
    usage_of,
)
from soban.gateway.openai.sse import Chunks, json_text

_ID_PREFIX = "chatcmpl-"


def whole(answer: pb.ChatResponse) -> dict[str, Any]:
    """The body of an answer that was not streamed."""
    return {
        "id": _ID_PREFIX + answer.id,
        "object": "chat.completion",
        "created": answer.create_time.seconds,
        "model": answer.model,
        "choices": [_choice(choice, answer.summary) for choice in answer.choices],
        "usage": usage_of(answer.summary),
        "soban": {**marking_of(answer), **extension_of(answer.summary)},
    }


def _choice(choice: pb.ChatChoice, summary: pb.ChatSummary) -> dict[str, Any]:
    text = "".join(part.text for part in choice.message.parts)
    refused = choice.finish_reason == pb.FINISH_REASON_SAFETY
    calls = [_tool_call(call) for call in choice.message.tool_calls]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text or (None if calls or refused else ""),
        "refusal": refusal_of(summary, choice.index) if refused else None,
    }
    if calls:
        message["tool_calls"] = calls
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    return {
        "index": choice.index,
        "message": message,
        "logprobs": chat_logprobs(choice.logprobs),
        "finish_reason": FINISH_REASONS[choice.finish_reason],
    }


def _tool_call(call: pb.ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


class ChatChunks(Chunks):
    """`chat.completion.chunk` objects."""

    object_name = "chat.completion.chunk"
    id_prefix = _ID_PREFIX

    def begin(self) -> dict[str, Any]:
        """The role."""
        return {"delta": {"role": "assistant", "content": "", "refusal": None}, "logprobs": None}

    def text(self, delta: pb.ChatDelta) -> str:
        """The usual piece: text alone."""
        return f'"delta":{{"content":{json_text(delta.text)}}},"logprobs":null'

    def piece(self, delta: pb.ChatDelta) -> dict[str, Any]:
        """Any piece."""
        told: dict[str, Any] = {"content": delta.text} if delta.text else {}
        if delta.reasoning:
            told["reasoning_content"] = delta.reasoning
        if delta.tool_calls:
            told["tool_calls"] = [_tool_piece(piece) for piece in delta.tool_calls]
        return {"delta": told, "logprobs": chat_logprobs(delta.logprobs)}

    def end(self, finish: pb.ChatFinish, summary: pb.ChatSummary) -> dict[str, Any]:
        """A choice's end; when safety stopped it, the reason stands where clients look for a refusal."""
        refused = finish.finish_reason == pb.FINISH_REASON_SAFETY
        return {"delta": {"refusal": refusal_of(summary, finish.index)} if refused else {}, "logprobs": None}


def _tool_piece(piece: pb.ToolCallDelta) -> dict[str, Any]:
    told: dict[str, Any] = {"index": piece.index, "function": {"arguments": piece.arguments}}
    if piece.id or piece.name:
        told.update(id=piece.id, type="function", function={"name": piece.name, "arguments": piece.arguments})
    return told
