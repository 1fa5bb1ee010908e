"""What answers of chats and completions share: finish reasons, usage, the `soban` object."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

import soban.v1 as pb

FINISH_REASONS: dict[int, str] = {
    pb.FINISH_REASON_UNSPECIFIED: "stop",
    pb.FINISH_REASON_STOP: "stop",
    pb.FINISH_REASON_LENGTH: "length",
    pb.FINISH_REASON_SAFETY: "content_filter",
    # OpenAI has no word for it; an answer cut short is nearest.
    pb.FINISH_REASON_CANCELLED: "length",
    pb.FINISH_REASON_TOOL_CALLS: "tool_calls",
}


def usage_of(summary: pb.ChatSummary) -> dict[str, Any]:
    """`usage`."""
    usage = summary.usage
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def marking_of(start: pb.ChatStart | pb.ChatResponse) -> dict[str, Any]:
    """The begin of the `soban` object: that a machine writes, in the operator's words as well."""
    notice = {"ai_notice": start.ai_notice} if start.ai_notice else {}
    return {"ai_generated": start.ai_generated, **notice}


def extension_of(summary: pb.ChatSummary) -> dict[str, Any]:
    """The rest of the `soban` object: the summary by the contract's own names, but for the tokens that `usage` has."""
    told: dict[str, Any] = MessageToDict(summary, preserving_proto_field_name=True)
    told.pop("usage", None)
    if summary.HasField("cost"):
        told["cost"] = _numbers(summary.cost)
    if summary.route_steps:
        steps = summary.route_steps
        told["route_steps"] = [
            {"model": step.model, "outcome": step.outcome, "usage": _numbers(step.usage)} for step in steps
        ]
    told["eojeol"] = {"input": summary.usage.input_eojeol, "output": summary.usage.output_eojeol}
    return told


def _numbers(message: pb.Cost | pb.Usage) -> dict[str, Any]:
    """What is not 0. JSON of protobuf writes 64-bit numbers as strings; nobody who adds up money wants those."""
    return {field.name: value for field, value in message.ListFields()}


def refusal_of(summary: pb.ChatSummary, choice: int) -> str | None:
    """Why safety stopped a choice, in Korean, else in English; None when it did not."""
    for verdict in summary.verdicts:
        concerned = verdict.direction != pb.DIRECTION_OUTPUT or verdict.choice_index == choice
        if verdict.action == pb.ACTION_BLOCK and concerned:
            return verdict.reason.ko or verdict.reason.en or None
    return None


def chat_logprobs(logprobs: Any) -> dict[str, Any] | None:
    """`logprobs` of a chat's choice."""
    if not logprobs:
        return None
    content = [{**_token(token), "top_logprobs": [_token(other) for other in token.top]} for token in logprobs]
    return {"content": content, "refusal": None}


def completion_logprobs(logprobs: Any, offset: int) -> dict[str, Any] | None:
    """`logprobs` of a completion's choice; `offset` is where its text begins, in code points."""
    if not logprobs:
        return None
    offsets = []
    for token in logprobs:
        offsets.append(offset)
        offset += len(token.token)
    return {
        "tokens": [token.token for token in logprobs],
        "token_logprobs": [token.logprob for token in logprobs],
        "top_logprobs": [{other.token: other.logprob for other in token.top} for token in logprobs],
        "text_offset": offsets,
    }


def _token(token: pb.TokenLogprob) -> dict[str, Any]:
    return {"token": token.token, "logprob": token.logprob, "bytes": list(token.bytes) or None}
