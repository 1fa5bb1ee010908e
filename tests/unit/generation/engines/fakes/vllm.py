"""What vLLM sends: its pydantic models, status texts and pages, in the order and form they write.

From vllm/entrypoints/openai (chat_completion, completion, models) and vllm/entrypoints/serve, 2026. Chunks leave out
what is unset (`exclude_unset`), usage comes with each one when `continuous_usage_stats` asks for it.
"""

from __future__ import annotations

import json
from typing import Any

from unit.generation.engines.fakes.playback import Playback, Script, refusal, stream

MODEL = "kakaocorp/kanana-1.5-2.1b-instruct-2505"


def event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


DONE = event("[DONE]")


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _usage(prompt: int, completion: int) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "total_tokens": prompt + completion, "completion_tokens": completion}


def _chunk(choice: dict[str, Any], told: dict[str, Any] | None, kind: str = "chat.completion.chunk") -> bytes:
    name = "chatcmpl" if kind.startswith("chat") else "cmpl"
    head = {"id": f"{name}-9f3c", "object": kind, "created": 1795594150, "model": MODEL, "choices": [choice]}
    return event(_json({**head, "usage": told} if told else head))


ROLE = _chunk(
    {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None},
    _usage(35, 0),
)


def delta(
    content: dict[str, Any] | str, tokens: int, reason: str | None = None, logprobs: dict[str, Any] | None = None
) -> bytes:
    """A chat event with `tokens` so far; 0 leaves usage out, as a server that does not know the option does."""
    given = {"content": content} if isinstance(content, str) else content
    choice: dict[str, Any] = {"index": 0, "delta": given, "logprobs": logprobs, "finish_reason": reason}
    if reason:
        choice["stop_reason"] = None
    return _chunk({**choice, "token_ids": None}, _usage(35, tokens) if tokens else None)


def usage(prompt: int, completion: int, cached: int | None = None, kind: str = "chat.completion.chunk") -> bytes:
    """The event before `[DONE]`; cached tokens with `--enable-prompt-tokens-details` only."""
    told = _usage(prompt, completion)
    if cached is not None:
        told["prompt_tokens_details"] = {"cached_tokens": cached}
    head = {"id": "chatcmpl-9f3c", "object": kind, "created": 1795594150, "model": MODEL, "choices": []}
    return event(_json({**head, "usage": told}))


def chat(*texts: str, reason: str = "stop", cached: int | None = None) -> bytes:
    """A whole chat: the end token comes as an event without text."""
    deltas = b"".join(delta(text, number) for number, text in enumerate(texts, 1))
    count = len(texts) + 1
    return ROLE + deltas + delta("", count, reason) + usage(35, count, cached) + DONE


def text(content: str, tokens: int, reason: str | None = None, logprobs: dict[str, Any] | None = None) -> bytes:
    """An event of a text completion."""
    choice = {"index": 0, "text": content, "logprobs": logprobs, "finish_reason": reason, "stop_reason": None}
    return _chunk(choice, _usage(5, tokens), "text_completion")


def completion(*texts: str, reason: str = "length") -> bytes:
    """A whole text completion."""
    *first, last = texts
    deltas = b"".join(text(part, number) for number, part in enumerate(first, 1))
    return deltas + text(last, len(texts), reason) + usage(5, len(texts), kind="text_completion") + DONE


def _call(function: dict[str, str], **first: Any) -> dict[str, Any]:
    return {"tool_calls": [{**first, "index": 0, "function": function}]}


def tool_call(reason: str) -> bytes:
    """Ends with "stop" when the tool was chosen by name. Tokens that the parser swallows are told by later ones."""
    return (
        ROLE
        + delta(_call({"name": "weather"}, id="chatcmpl-tool-0d1f", type="function"), 13)
        + delta(_call({"arguments": '{"city": "'}), 21)
        + delta(_call({"arguments": '서울"}'}), 30)
        + delta("", 31, reason)
        + usage(35, 31)
        + DONE
    )


def _logprob(token_id: int, token: str, value: float) -> dict[str, Any]:
    """With `return_tokens_as_token_ids`: the text is in `bytes`, broken characters as those of U+FFFD."""
    return {"token": f"token_id:{token_id}", "logprob": value, "bytes": list(token.encode())}


def logprobs(*tokens: tuple[int, str, float]) -> dict[str, Any]:
    """Each with itself and a second one as alternatives."""
    other = _logprob(1, "음", -9.5)
    return {"content": [{**_logprob(*token), "top_logprobs": [_logprob(*token), other]} for token in tokens]}


OLD_LOGPROBS = {
    "text_offset": [0, 3],
    "token_logprobs": [-0.25, None],
    "tokens": [" 서울", "�"],
    "top_logprobs": [{" 부산": -2.5, " 서울": -0.25}],
}


def error(status: int, kind: str, message: str, param: str | None = None) -> bytes:
    """A body of an answer that is an error."""
    return _json({"error": {"message": message, "type": kind, "param": param, "code": status}}).encode()


def old_error(status: int, kind: str, message: str) -> bytes:
    """The same before 0.11."""
    return _json({"object": "error", "message": message, "type": kind, "param": None, "code": status}).encode()


def error_event(body: bytes) -> bytes:
    """The same inside a stream, which has status 200 by then; `[DONE]` follows."""
    return event(body.decode()) + DONE


TOO_LONG = error(
    400,
    "BadRequestError",
    "You passed 5001 input tokens and requested 16 output tokens. However, the model's context length is only 4096 "
    "tokens, resulting in a maximum input length of 4080 tokens. Please reduce the length of the input prompt. "
    "(parameter=input_tokens, value=5001)",
    "input_tokens",
)
OLD_TOO_LONG = old_error(
    400,
    "BadRequestError",
    "This model's maximum context length is 4096 tokens. However, you requested 5017 tokens (5001 in the messages, 16 "
    "in the completion). Please reduce the length of the messages or completion.",
)
OLDEST_TOO_LONG = old_error(
    400, "BadRequestError", "The decoder prompt (length 5001) is longer than the maximum model length of 4096."
)
NO_MODEL = error(404, "NotFoundError", "The model `ko` does not exist.", "model")
NO_TOOLS = error(
    400, "BadRequestError", '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
)
BAD_GRAMMAR = error(400, "BadRequestError", "Failed to convert the grammar from GBNF: Invalid grammar specification.")
NO_IMAGES = error(400, "BadRequestError", "At most 0 image(s) may be provided in one prompt.")
UNAUTHORIZED = b'{"error":"Unauthorized"}'
DEAD = error(500, "InternalServerError", "EngineCore encountered an issue. See stack trace (above) for the root cause.")
FAILED = error(500, "InternalServerError", "Internal server error")
FULL = error(
    503,
    "Service Unavailable",
    "The engine is currently busy and cannot accept new requests. Please try again later or on a different instance.",
)
BACKLOG = error(
    503,
    "Service Unavailable",
    "The engine has reached its prefill token backlog limit. Please try again later or on a different instance.",
)
KEEP_ALIVE = b": keep-alive\n\n"
TOKENIZED = b'{"count":3,"max_model_len":4096,"tokens":[128000,24486,49085],"token_strs":null}'
NEWEST_TOO_LONG = error(
    400,
    "BadRequestError",
    "This model's maximum context length is 4096 tokens. However, you requested 16 output tokens and your prompt "
    "contains at least 4081 input tokens, for a total of at least 4097 tokens. Please reduce the length of the input "
    "prompt or the number of requested output tokens. (parameter=input_tokens, value=4081)",
    "input_tokens",
)
FAR_TOO_LONG = error(
    400,
    "BadRequestError",
    "This model's maximum context length is 4096 tokens. However, your prompt contains 90000 characters (more than "
    "65280 characters, which is the upper bound for 4080 input tokens). Please reduce the length of the input prompt. "
    "(parameter=input_text, value=90000)",
    "input_text",
)
LOADED_ALREADY = error(
    400,
    "InvalidUserInput",
    "The lora adapter 'law' has already been loaded. If you want to load the adapter in place, set 'load_inplace' to "
    "True.",
)
NO_ADAPTER = error(404, "NotFoundError", "The lora adapter 'law' cannot be found at /adapters/law: No adapter found")
NO_ROUTE = b'{"detail":"Not Found"}'


def models(*cards: dict[str, Any]) -> bytes:
    """`/v1/models`."""
    owned = [{"object": "model", "created": 1795594150, "owned_by": "vllm", **card, "permission": []} for card in cards]
    return _json({"object": "list", "data": owned}).encode()


BASE = {"id": "ko-2b", "root": MODEL, "parent": None, "max_model_len": 4096}
ADAPTER = {"id": "law", "root": "/adapters/law", "parent": "ko-2b", "max_model_len": None}

METRICS = b"""# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="ko-2b"} 3.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="ko-2b"} 2.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="ko-2b"} 0.25
"""


def page(body: bytes = b"", status: int = 200) -> Script:
    """A whole answer to a GET."""
    return refusal(status, body)


def fake_vllm(*scripts: Script) -> Playback:
    """A server with one model and an adapter on it; without scripts it greets."""
    pages = {
        "/health": page(),
        "/v1/models": page(models(BASE, ADAPTER)),
        "/version": page(b'{"version":"0.33.0"}'),
        "/metrics": page(METRICS),
    }
    return Playback(*(scripts or (stream(chat("안녕", "하세요")),)), pages=pages)
