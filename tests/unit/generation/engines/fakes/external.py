"""What OpenAI's API and those that are made like it send, by its reference and by the recorded answers of users.

`AZURE_*` is what Azure OpenAI adds: events without choices first, and results of its content filter.
"""

from __future__ import annotations

import json
from typing import Any

from unit.generation.engines.fakes.playback import Playback, Script, refusal, stream

MODEL = "gpt-5-mini"


def event(data: str) -> bytes:
    """One event of a stream."""
    return f"data: {data}\n\n".encode()


DONE = event("[DONE]")


def chunk(choices: list[dict[str, Any]], **more: Any) -> bytes:
    """An event of a chat. OpenAI pads its events with `obfuscation`, so that their lengths tell nothing."""
    written = {
        "id": "chatcmpl-CfWvJ3t0",
        "object": "chat.completion.chunk",
        "created": 1795594150,
        "model": f"{MODEL}-2026-08-07",
        "service_tier": "default",
        "system_fingerprint": None,
        "choices": choices,
        "usage": None,
        "obfuscation": "x7Qe2",
        **more,
    }
    return event(json.dumps(written, ensure_ascii=False, separators=(",", ":")))


def delta(content: dict[str, Any] | str, reason: str | None = None, **more: Any) -> bytes:
    """An event with a choice."""
    given = {"content": content} if isinstance(content, str) else content
    return chunk([{"index": 0, "delta": given, "logprobs": None, "finish_reason": reason, **more}])


ROLE = delta({"role": "assistant", "content": "", "refusal": None})


def usage(prompt: int, completion: int, *, cached: int = 0, reasoning: int = 0) -> bytes:
    """The event before `[DONE]` when usage was asked for."""
    told = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
    }
    return chunk([], usage=told)


def chat(*texts: str, reason: str = "stop") -> bytes:
    """A whole chat; the reason comes with an empty delta."""
    told = usage(35, len(texts) + 1, cached=24)
    return ROLE + b"".join(map(delta, texts)) + delta({}, reason) + told + DONE


def without_usage(*texts: str, reason: str = "stop") -> bytes:
    """As an API writes that knows no `stream_options`."""
    return ROLE + b"".join(map(delta, texts)) + delta({}, reason) + DONE


def without_done(*texts: str) -> bytes:
    """As gateways write that end with the connection; the reason was there."""
    return ROLE + b"".join(map(delta, texts)) + delta({}, "stop") + usage(35, len(texts) + 1)


def completion(*texts: str, reason: str = "length") -> bytes:
    """A whole text completion."""
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1795594150, "model": MODEL}
    events = [{"text": text, "index": 0, "logprobs": None, "finish_reason": None} for text in texts]
    events.append({"text": "", "index": 0, "logprobs": None, "finish_reason": reason})
    told = {"prompt_tokens": 5, "completion_tokens": len(texts), "total_tokens": 5 + len(texts)}
    written = [{**head, "choices": [one], "usage": None} for one in events] + [{**head, "choices": [], "usage": told}]
    return b"".join(event(json.dumps(one, ensure_ascii=False)) for one in written) + DONE


def _call(function: dict[str, str], index: int = 0, **first: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **first, "function": function}]}


TOOL_CALLS = (
    delta(
        {
            "role": "assistant",
            "content": None,
            **_call({"name": "weather", "arguments": ""}, id="call_1", type="function"),
        }
    )
    + delta(_call({"arguments": '{"city":"서'}))
    + delta(_call({"arguments": '울"}'}))
    + delta(_call({"name": "time", "arguments": "{}"}, 1, id="call_2", type="function"))
    + delta({}, "tool_calls")
    + usage(230, 37)
    + DONE
)
REFUSAL = (
    ROLE
    + delta({"refusal": "그건 도와드릴 수 "})
    + delta({"refusal": "없어요."})
    + delta({}, "stop")
    + usage(9, 8)
    + DONE
)

AZURE_FIRST = event(
    '{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,'
    '"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}'
)
AZURE_CHAT = (
    AZURE_FIRST
    + ROLE
    + delta("안녕", content_filter_results={"hate": {"filtered": False, "severity": "safe"}})
    + delta({}, "stop", content_filter_results={})
    + usage(12, 2)
    + DONE
)
AZURE_STOPPED = AZURE_FIRST + ROLE + delta("그건 ") + delta({}, "content_filter", content_filter_results={}) + DONE

SEOUL_LOGPROBS = {
    "content": [
        {
            "token": " 서울",
            "logprob": -0.3128967,
            "bytes": [32, 236, 132, 156, 236, 154, 184],
            "top_logprobs": [
                {"token": " 서울", "logprob": -0.3128967, "bytes": [32, 236, 132, 156, 236, 154, 184]},
                {"token": " 부산", "logprob": -2.864994, "bytes": [32, 235, 182, 128, 236, 130, 176]},
            ],
        }
    ],
    "refusal": None,
}


def error(message: str, kind: str | None, code: str | int | None = None, param: str | None = None) -> bytes:
    """The body of an answer that is an error, and the data of one inside a stream."""
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}}).encode()


SECRET = "sk-proj-HaL7deadbeef0123456789"
WRONG_KEY = error(
    f"Incorrect API key provided: {SECRET[:7]}***{SECRET[-4:]}. You can find your API key at the account page.",
    "invalid_request_error",
    "invalid_api_key",
)
FORBIDDEN = error(f"Project does not have access to model {MODEL}", "invalid_request_error", "model_not_found")
NO_PERMISSION = error(
    "You have insufficient permissions for this operation.", "invalid_request_error", "permission_denied"
)
NO_MODEL = error(
    f"The model `{MODEL}` does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"
)
RATE_LIMITED = error(
    "Rate limit reached for gpt-5-mini in organization org-9 on requests per min (RPM): Limit 3, Used 3. Please try "
    "again in 20s.",
    "requests",
    "rate_limit_exceeded",
)
NO_QUOTA = error(
    "You exceeded your current quota, please check your plan and billing details.",
    "insufficient_quota",
    "insufficient_quota",
)
TOO_LONG = error(
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. Please reduce "
    "the length of the messages.",
    "invalid_request_error",
    "context_length_exceeded",
    "messages",
)
WANTS_COMPLETION_TOKENS = error(
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "invalid_request_error",
    "unsupported_parameter",
    "max_tokens",
)
WANTS_NO_STREAM_OPTIONS = error(
    "Unrecognized request argument supplied: stream_options", "invalid_request_error", None, "stream_options"
)
ONE_TEMPERATURE = error(
    "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
    "invalid_request_error",
    "unsupported_value",
    "temperature",
)
FILTERED = json.dumps(
    {
        "error": {
            "message": "The response was filtered due to the prompt triggering the content management policy.",
            "type": None,
            "param": "prompt",
            "code": "content_filter",
            "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
        }
    }
).encode()
SERVER_ERROR = error("The server had an error while processing your request. Sorry about that!", "server_error")
OVERLOADED = error("The engine is currently overloaded, please try again later", "server_error", "overloaded")
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"


def models(*names: str, **more: Any) -> bytes:
    """`/models`; `more` is added to each, as gateways add a context length."""
    data = [{"id": name, "object": "model", "created": 1795594150, "owned_by": "system", **more} for name in names]
    return json.dumps({"object": "list", "data": data}).encode()


def page(body: bytes, status: int = 200) -> Script:
    """A whole answer to a GET."""
    return refusal(status, body)


def fake_external(*scripts: Script) -> Playback:
    """An API below `/v1` that has the model; without scripts it greets."""
    pages = {"/v1/models": page(models("gpt-4.1", MODEL))}
    return Playback(*(scripts or (stream(chat("안녕", "하세요")),)), pages=pages)
