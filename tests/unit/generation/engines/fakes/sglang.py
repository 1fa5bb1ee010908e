"""What SGLang sends: its msgspec and pydantic models, status texts and pages, in the order and form they write.

From python/sglang/srt/entrypoints (openai/sse_utils.py, openai/serving_*.py, http_server.py), 2026.
"""

from __future__ import annotations

import json
from typing import Any

from unit.generation.engines.fakes.playback import Playback, Script, refusal, stream

MODEL = "LGAI-EXAONE/EXAONE-4.0-1.2B"


def event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


DONE = event("[DONE]")


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _usage(prompt: int, completion: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
        "completion_tokens": completion,
        "prompt_tokens_details": None,
        "reasoning_tokens": 0,
    }


def _chunk(choice: dict[str, Any], told: dict[str, Any] | None, kind: str = "chat.completion.chunk") -> bytes:
    head = {"id": "8a6f", "object": kind, "created": 1795594150, "model": "ko-1b", "choices": [choice]}
    return event(_json({**head, "usage": told} if told else head))


def _choice(delta: dict[str, Any], reason: str | None = None, matched: int | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason, "matched_stop": matched}


ROLE = _chunk(_choice({"reasoning_content": None, "role": "assistant", "content": ""}), None)


def delta(content: str, tokens: int, logprobs: dict[str, Any] | None = None) -> bytes:
    """A chat event with `tokens` so far; `--stream-interval` puts several into one."""
    choice = _choice({"reasoning_content": None, "content": content})
    return _chunk({**choice, "logprobs": logprobs}, _usage(35, tokens))


def thought(content: str, tokens: int) -> bytes:
    """Reasoning, which a `--reasoning-parser` takes apart."""
    return _chunk(_choice({"reasoning_content": content}), _usage(35, tokens))


def finish(reason: str) -> bytes:
    """The event that tells why a chat ended."""
    return _chunk(_choice({"reasoning_content": None}, reason, 361 if reason == "stop" else None), None)


def usage(prompt: int, completion: int, cached: int | None = None, kind: str = "chat.completion.chunk") -> bytes:
    """The event before `[DONE]`; cached tokens with `--enable-cache-report` only."""
    told = _usage(prompt, completion)
    if cached is not None:
        told["prompt_tokens_details"] = {"cached_tokens": cached}
    head = {"id": "8a6f", "object": kind, "created": 1795594150, "model": "ko-1b", "choices": []}
    return event(_json({**head, "usage": told}))


def chat(*texts: str, reason: str = "stop", cached: int | None = None) -> bytes:
    """A whole chat."""
    deltas = b"".join(delta(text, number) for number, text in enumerate(texts, 1))
    return ROLE + deltas + finish(reason) + usage(35, len(texts) + 1, cached) + DONE


def completion(*texts: str, reason: str = "length") -> bytes:
    """A whole text completion."""
    whole = b""
    for number, text in enumerate(texts, 1):
        ended = {"finish_reason": reason if number == len(texts) else None, "matched_stop": None}
        whole += _chunk({"index": 0, "text": text, "logprobs": None, **ended}, _usage(5, number), "text_completion")
    return whole + usage(5, len(texts), kind="text_completion") + DONE


def logprobs(*tokens: tuple[str, float]) -> dict[str, Any]:
    """Bytes are those of the text, which for half a syllable is U+FFFD."""
    told = [{"token": token, "bytes": list(token.encode()), "logprob": value} for token, value in tokens]
    return {"content": [{**item, "top_logprobs": told[:1]} for item in told]}


def _error(status: int, kind: str, message: str) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": status}


def error(status: int, kind: str, message: str) -> bytes:
    """A body of an answer that is an error."""
    return _json(_error(status, kind, message)).encode()


def error_event(body: bytes) -> bytes:
    """The same inside a stream, which has status 200 by then; `[DONE]` follows."""
    return event(_json({"error": json.loads(body)})) + DONE


TOO_LONG = error(400, "BadRequest", "The input (4531 tokens) is longer than the model's context length (4096 tokens).")
TOO_MUCH = error(
    400,
    "BadRequest",
    "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 5017 "
    "tokens: 4531 tokens from the input messages and 486 tokens for the completion. Please reduce the number of tokens "
    "in the input messages or the completion to fit within the limit.",
)
FULL = error(503, "SERVICE_UNAVAILABLE", "The request queue is full.")
DISPLACED = error(503, "SERVICE_UNAVAILABLE", "The request is aborted by a higher priority request.")
NO_ADAPTER = error(
    400, "BadRequest", "Got LoRA adapter that has never been loaded: law\nAll loaded adapters: dict_keys([])."
)
BAD_REGEX = error(400, "BAD_REQUEST", "Failed to compile regex grammar: unmatched (")
FAILED = error(500, "InternalServerError", "Internal server error: CUDA error: an illegal memory access")
NO_ROUTE = b'{"detail":"Not Found"}'


def page(body: bytes = b"", status: int = 200) -> Script:
    """A whole answer to a GET."""
    return refusal(status, body)


BASE = {"id": "ko-1b", "root": "ko-1b", "parent": None, "max_model_len": 4096}
ADAPTER = {"id": "law", "root": "/adapters/law", "parent": "ko-1b", "max_model_len": None}


def models(*cards: dict[str, Any]) -> bytes:
    """`/v1/models`."""
    owned = [{"object": "model", "created": 1795594150, "owned_by": "sglang", **card} for card in cards]
    return _json({"object": "list", "data": owned}).encode()


MODEL_INFO = _json(
    {
        "model_path": MODEL,
        "served_model_name": "ko-1b",
        "is_generation": True,
        "tool_call_parser": None,
        "has_image_understanding": False,
    }
).encode()
OLD_MODEL_INFO = _json({"model_path": MODEL, "tokenizer_path": MODEL, "is_generation": True}).encode()
SERVER_INFO = _json(
    {
        "model_path": MODEL,
        "api_key": None,
        "max_running_requests": None,
        "max_total_num_tokens": 68_000,
        "internal_states": [
            {"effective_max_running_requests_per_dp": 48},
            {"effective_max_running_requests_per_dp": 48},
        ],
        "version": "0.5.4",
    }
).encode()
TOKENIZED = _json({"tokens": [1, 2, 3], "count": 3, "max_model_len": 131_072}).encode()
LOADED = _json({"success": True, "error_message": None, "loaded_adapters": {"law": "/adapters/law"}}).encode()
LOADED_ALREADY = _json(
    {"success": False, "error_message": "LoRA adapter name law is already loaded", "loaded_adapters": None}
).encode()
NOT_LOADED = _json(
    {"success": False, "error_message": "[Errno 2] No such file or directory: '/adapters/law'", "loaded_adapters": None}
).encode()

METRICS = b"""# HELP sglang:num_running_reqs The number of running requests.
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{engine_type="unified",model_name="ko-1b",tp_rank="0"} 3.0
# HELP sglang:num_queue_reqs The number of requests in the waiting queue.
# TYPE sglang:num_queue_reqs gauge
sglang:num_queue_reqs{engine_type="unified",model_name="ko-1b",tp_rank="0"} 2.0
# HELP sglang:token_usage The token usage.
# TYPE sglang:token_usage gauge
sglang:token_usage{engine_type="unified",model_name="ko-1b",tp_rank="0"} 0.25
"""


def fake_sglang(*scripts: Script) -> Playback:
    """A server with one model and an adapter on it; without scripts it greets."""
    pages = {
        "/health": page(),
        "/v1/models": page(models(BASE, ADAPTER)),
        "/model_info": page(MODEL_INFO),
        "/server_info": page(SERVER_INFO),
        "/metrics": page(METRICS),
    }
    return Playback(*(scripts or (stream(chat("안녕", "하세요")),)), pages=pages)
