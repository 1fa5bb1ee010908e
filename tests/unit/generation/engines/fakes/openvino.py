"""What OpenVINO Model Server 2026 sends: its serializers, status texts and pages, in the order and form they write.

From src/llm/apis/openai_completions.cpp (`serializeStreamingChunk`, `serializeStreamingUsageChunk`,
`serializeStreamingHandshakeChunk`), src/http_rest_api_handler.cpp, src/status.cpp and docs of
openvinotoolkit/model_server.
"""

from __future__ import annotations

import json
from typing import Any

from unit.generation.engines.fakes.playback import Playback, Script, refusal, stream

MODEL = "OpenVINO/Qwen3-4B-int4-ov"


def event(data: str) -> bytes:
    """`wrapTextInServerSideEventMessage`."""
    return f"data: {data}\n\n".encode()


DONE = event("[DONE]")


def _chunk(choice: dict[str, Any], kind: str, *, usage: bool = True) -> bytes:
    written: dict[str, Any] = {"choices": [choice], "created": 1795594150, "model": MODEL, "object": f"{kind}.chunk"}
    if usage:
        written["usage"] = None
    return event(json.dumps(written, ensure_ascii=False, separators=(",", ":")))


HANDSHAKE = _chunk(
    {"index": 0, "delta": {"role": "assistant", "content": None}, "finish_reason": None}, "chat.completion", usage=False
)
"""Comes when the prompt is read; the only event without a `usage` member."""
COMPLETION_HANDSHAKE = _chunk({"index": 0, "text": "", "finish_reason": None}, "text_completion", usage=False)


def delta(content: dict[str, Any] | str, reason: str | None = None) -> bytes:
    """An event of a chat; the last text comes with the reason."""
    given = {"content": content} if isinstance(content, str) else content
    return _chunk({"index": 0, "logprobs": None, "delta": given, "finish_reason": reason}, "chat.completion")


def text(content: str, reason: str | None = None) -> bytes:
    """An event of a text completion."""
    return _chunk({"index": 0, "logprobs": None, "text": content, "finish_reason": reason}, "text_completion")


def usage(prompt: int, completion: int, kind: str = "chat.completion") -> bytes:
    """The event before `[DONE]` when usage was asked for."""
    told = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    written = {"choices": [], "created": 1795594150, "model": MODEL, "object": f"{kind}.chunk", "usage": told}
    return event(json.dumps(written, separators=(",", ":")))


def chat(*texts: str, reason: str = "stop", prompt: int = 35, tokens: int | None = None) -> bytes:
    """A whole chat; `tokens` by its usage, one more than texts for the end token unless told."""
    *first, last = texts
    counted = len(texts) + (reason == "stop") if tokens is None else tokens
    return HANDSHAKE + b"".join(map(delta, first)) + delta(last, reason) + usage(prompt, counted) + DONE


def swallowed(*texts: str, reason: str = "stop") -> bytes:
    """A chat whose last token brought no text: the reason comes with an empty delta."""
    return HANDSHAKE + b"".join(map(delta, texts)) + delta({}, reason) + usage(35, len(texts) + 1) + DONE


def completion(*texts: str, reason: str = "length") -> bytes:
    """A whole text completion."""
    *first, last = texts
    told = usage(5, len(texts), "text_completion")
    return COMPLETION_HANDSHAKE + b"".join(map(text, first)) + text(last, reason) + told + DONE


def _call(function: dict[str, str], **first: Any) -> dict[str, Any]:
    return {"tool_calls": [{**first, "index": 0, "function": function}]}


TOOL_CALL = (
    HANDSHAKE
    + delta(_call({"name": "weather"}, id="a1b2c3d4e", type="function"))
    + delta(_call({"arguments": '{"city": "'}))
    + delta(_call({"arguments": '서울"}'}), "tool_calls")
    + usage(230, 37)
    + DONE
)


def failure(status: str, text: str) -> bytes:
    """The body of a failed run. In a stream that has begun it stands bare, without `data:` and without a line end."""
    node = f'CalculatorGraph::Run() failed: \nCalculator::Process() for node "LLMExecutor" failed: {text}'
    return json.dumps({"error": f"Mediapipe execution failed. MP status - {status}: {node}"}).encode()


TOO_LONG = failure("INVALID_ARGUMENT", "Number of prompt tokens: 4531 exceeds model max length: 4096")
TOO_LONG_NPU = failure("INVALID_ARGUMENT", "Input length exceeds the maximum allowed length")
BAD_OPTION = failure("INVALID_ARGUMENT", "min_p out of range [0.0, 1.0)")
BAD_TEMPLATE = failure("INVALID_ARGUMENT", "chat_template: tool_calls[].function.arguments must be a JSON object")
CRASHED = failure("INTERNAL", "Exception from src/inference/src/cpp/infer_request.cpp:223")
NO_MODEL = b'{"error":"Mediapipe graph definition with requested name is not found"}'
NOT_LOADED = b'{"error":"Mediapipe is not loaded yet"}'
RETIRED = b'{"error":"Mediapipe is retired"}'
WRONG_PATH = b'{"error":"Invalid request URL"}'


def config(**states: str) -> bytes:
    """`/v1/config` by the state of each model; names are written with `__` for `/`."""
    told = {
        name.replace("__", "/"): {
            "model_version_status": [
                {"version": "1", "state": state, "status": {"error_code": "OK", "error_message": "OK"}}
            ]
        }
        for name, state in states.items()
    }
    return json.dumps(told, indent=1).encode()


METRICS = f"""# HELP ovms_current_graphs Number of graphs currently in-process.
# TYPE ovms_current_graphs gauge
ovms_current_graphs{{name="{MODEL}"}} 3
# HELP ovms_requests_accepted Number of accepted requests.
# TYPE ovms_requests_accepted counter
ovms_requests_accepted{{api="V3",interface="REST",method="Stream",name="{MODEL}"}} 41
""".encode()


def page(body: bytes = b"", status: int = 200) -> Script:
    """A whole answer to a GET."""
    return refusal(status, body)


def fake_openvino(*scripts: Script) -> Playback:
    """A server that has the model loaded; without scripts it greets."""
    loaded = json.dumps({MODEL: json.loads(config(m="AVAILABLE"))["m"]}).encode()
    pages = {"/v2/health/ready": page(), "/v1/config": page(loaded), "/metrics": page(METRICS)}
    return Playback(*(scripts or (stream(chat("안녕", "하세요")),)), pages=pages)
