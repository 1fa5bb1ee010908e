"""What a llama.cpp server (xllamacpp 2026.10.11549) sent, byte for byte; ids and the model's path are shortened."""

from __future__ import annotations

import json
from typing import Any

_TAIL = b'"created":1795594150,"id":"chatcmpl-zqPG9n5h","model":"m","system_fingerprint":"b0-unknown"'
_CHAT_TAIL = _TAIL + b',"object":"chat.completion.chunk"'
_TIMINGS = (
    b',"timings":{"cache_n":%d,"prompt_n":%d,"prompt_ms":26.728,"prompt_per_token_ms":26.728,'
    b'"prompt_per_second":37.41394791978449,"predicted_n":%d,"predicted_ms":12.14,"predicted_per_token_ms":12.14,'
    b'"predicted_per_second":82.37232289950576}'
)
_USAGE = (
    b',"usage":{"completion_tokens":%d,"prompt_tokens":%d,"total_tokens":%d,'
    b'"prompt_tokens_details":{"cached_tokens":%d}}'
)


def event(data: bytes) -> bytes:
    """One event of a stream."""
    return b"data: " + data + b"\n\n"


ROLE = event(
    b'{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],' + _CHAT_TAIL + b"}"
)
DONE = event(b"[DONE]")
PING = b":\n\n"


def delta(content: dict[str, Any] | str, predicted: int, *, logprobs: bytes = b"") -> bytes:
    """A chat event with `predicted` tokens so far; logprobs are given as JSON of their `content` list."""
    given = {"content": content} if isinstance(content, str) else content
    body = json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode()
    extra = b',"logprobs":{"content":' + logprobs + b"}" if logprobs else b""
    choice = b'{"choices":[{"finish_reason":null,"index":0,"delta":' + body + extra + b"}],"
    return event(choice + _CHAT_TAIL + _TIMINGS % (24, 11, predicted) + b"}")


def finish(reason: str) -> bytes:
    """The event that tells why a chat ended."""
    choice = b'{"choices":[{"finish_reason":"%b","index":0,"delta":{}}],' % reason.encode()
    return event(choice + _CHAT_TAIL + b"}")


def usage(prompt: int, completion: int, cached: int) -> bytes:
    """The event after it."""
    told = _USAGE % (completion, prompt, completion + prompt, cached) + _TIMINGS % (cached, prompt - cached, completion)
    return event(b'{"choices":[],' + _CHAT_TAIL + told + b"}")


def chat(*texts: str, reason: str = "stop", eos: int = 1) -> bytes:
    """A whole chat stream, a token for each text; a model that stops by itself spends one more on its end token."""
    deltas = b"".join(delta(text, number) for number, text in enumerate(texts, 1))
    return ROLE + deltas + finish(reason) + usage(35, len(texts) + eos, 24) + DONE


def completion(*texts: str, reason: str = "length") -> bytes:
    """A whole stream of `/v1/completions`."""
    tail = _TAIL + b',"object":"text_completion"'
    stream = b""
    for number, text in enumerate(texts, 1):
        body = json.dumps(text, ensure_ascii=False).encode()
        choice = b'{"choices":[{"text":%b,"index":0,"logprobs":null,"finish_reason":null}],' % body
        stream += event(choice + tail + _TIMINGS % (4, 1, number) + b"}")
    last = b'{"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"%b"}],' % reason.encode()
    told = _USAGE % (len(texts), 5, 5 + len(texts), 4) + _TIMINGS % (4, 1, len(texts))
    return stream + event(last + tail + told + b"}") + DONE


SEOUL_LOGPROB = (
    b'[{"id":39903,"token":" Seoul","bytes":[32,83,101,111,117,108],"logprob":-0.3128966987133026,"top_logprobs":'
    b'[{"id":39903,"token":" Seoul","bytes":[32,83,101,111,117,108],"logprob":-0.3128966987133026},'
    b'{"id":4429,"token":" Py","bytes":[32,80,121],"logprob":-2.8649940490722656}]}]'
)


def _call(function: dict[str, str], **first: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, **first, "function": function}]}


TOOL_CALL = (
    ROLE
    + delta(_call({"name": "weather", "arguments": "{"}, id="tt1iiGPjbbz5LhHLf", type="function"), 13)
    + delta(_call({"arguments": '"city":'}), 21)
    + delta(_call({"arguments": '"서울'}), 30)
    + delta(_call({"arguments": '"}'}), 31)
    + finish("tool_calls")
    + usage(230, 37, 0)
    + DONE
)


def error(code: int, kind: str, message: str, extra: str = "") -> bytes:
    """The body of an answer that is an error."""
    return f'{{"error":{{"code":{code},"message":"{message}","type":"{kind}"{extra}}}}}'.encode()


COMPUTE_ERROR = error(500, "server_error", "Compute error.")
CONTEXT_FULL = error(500, "server_error", "Context size has been exceeded.")
EXCEEDS_CONTEXT = error(
    400,
    "exceed_context_size_error",
    "request (4531 tokens) exceeds the available context size (512 tokens), try increasing it",
    ',"n_prompt_tokens":4531,"n_ctx":512',
)
BAD_GRAMMAR = error(400, "invalid_request_error", "Failed to initialize samplers: failed to parse grammar")
BAD_SCHEMA = error(
    400,
    "invalid_request_error",
    "Unable to generate parser for this template. Automatic parser generation failed: "
    "JSON schema error at #: unrecognized type nonsense",
)
GRAMMAR_WITH_TOOLS = error(400, "invalid_request_error", "Cannot use custom grammar constraints with tools.")
LOADING = error(503, "unavailable_error", "Loading model")
WRONG_KEY = b'{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}'
NOT_FOUND = b'{"error":{"message":"File Not Found","type":"not_found_error","code":404}}'
NOT_SUPPORTED = error(501, "not_supported_error", "This server does not support embeddings")

PROPS = {
    "default_generation_settings": {"params": {"seed": 4294967295}, "n_ctx": 2048},
    "total_slots": 4,
    "model_alias": "m",
    "chat_template_caps": {"supports_tools": True, "supports_tool_calls": True, "supports_system_role": True},
}
