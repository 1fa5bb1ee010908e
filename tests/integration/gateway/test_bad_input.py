"""Bad input over HTTP and gRPC: each a clear status with the path of the field, and the servers live."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import grpc
import pytest

import soban.v1 as pb
from integration.gateway.conftest import MODEL, Running
from soban.runtime.errors import from_rpc_error

CHAT = "/v1/chat/completions"
LONG = "가나다라" * 100_000
MANY_STOPS = [f"끝{number}" for number in range(10_000)]
EMPTY = {"role": "assistant"}
USER = {"role": "user", "content": "응"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.fixture
async def channel(stack: Running) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(stack.grpc) as made:
        yield made


@pytest.fixture(autouse=True)
def servers_live_on(stack: Running) -> Any:
    yield
    assert stack.all_alive()


def body(text: str = "안녕하세요", **fields: Any) -> bytes:
    asked = {"model": MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": 4, **fields}
    return json.dumps(asked).encode()


async def post(stack: Running, raw: bytes, path: str = CHAT) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as http, http.post(stack.url + path, data=raw) as response:
        return response.status, await response.json()


BAD_OVER_HTTP = {
    "empty text": (body(""), 400, "messages[0].content", "invalid_value"),
    "1.2 MB of text": (body(LONG), 400, "messages[0].content", "text_too_long"),
    "lone surrogate": (body("\ud800"), 400, "messages[0].content", "invalid_value"),
    "lone surrogate in a stop text": (body(stop=["\udfff"]), 400, "stop[0]", "invalid_value"),
    "unknown model": (body(model="gpt-4o"), 404, "model", "model_not_found"),
    "negative max_tokens": (body(max_tokens=-1), 400, "max_tokens", "invalid_value"),
    "max_tokens of 40 bits": (body(max_tokens=2**40), 400, "max_tokens", "invalid_value"),
    "absurd temperature": (body(temperature=1e30), 400, "temperature", "invalid_value"),
    "10,000 stop texts": (body(stop=MANY_STOPS), 400, "stop", "invalid_value"),
    "2,049 messages": (body(messages=[USER] * 2049), 400, "messages", "invalid_value"),
    "a million empty objects": (
        b'{"model":"m","messages":[' + b"{}," * 1_000_000 + b"{}]}",
        400,
        "messages",
        "invalid_value",
    ),
    "65 parts": (
        body(messages=[{"role": "user", "content": [{"type": "text", "text": "응"}] * 65}]),
        *(400, "messages[0].content", "invalid_value"),
    ),
    "129 tools": (body(tools=[TOOL] * 129), 400, "tools", "invalid_value"),
    "129 tool calls": (
        body(messages=[USER, {**EMPTY, "tool_calls": [CALL] * 129}]),
        *(400, "messages[1].tool_calls", "invalid_value"),
    ),
    "17 labels": (body(metadata={str(key): "x" for key in range(17)}), 400, "metadata", "invalid_value"),
    "100,000 biases": (body(logit_bias=dict.fromkeys(range(100_000), 1)), 400, "logit_bias", "invalid_value"),
    "empty stop text": (body(stop=[""]), 400, "stop[0]", "invalid_value"),
    "NaN": (body().replace(b'"max_tokens": 4', b'"temperature": NaN'), 400, None, "invalid_value"),
    "no JSON": (b"model=m", 400, None, "invalid_value"),
    "not UTF-8": (b'{"model": "\xff"}', 400, None, "invalid_value"),
    "nested 100,000 deep": (b"[" * 100_000, 400, None, "invalid_value"),
    "5 MB": (b" " * 5_000_000, 413, None, "body_too_large"),
}


@pytest.mark.parametrize("case", BAD_OVER_HTTP)
async def test_bad_over_http(stack: Running, case: str) -> None:
    raw, status, param, code = BAD_OVER_HTTP[case]
    got, answer = await post(stack, raw)
    assert (got, answer["error"]["code"]) == (status, code), answer
    assert answer["error"]["param"] == param


@pytest.mark.parametrize("path", ["/v1/chat/completion", "/chat/completions", "/v2/chat/completions", "/v1", "/"])
async def test_wrong_paths_over_http(stack: Running, path: str) -> None:
    status, answer = await post(stack, body(), path)
    assert (status, answer["error"]["code"]) == (404, "unknown_url")


ODD = {
    "NUL": "안녕\x00하세요",
    "NFD": unicodedata.normalize("NFD", "안녕하세요, 오늘 기분이 어때요?"),
    "jamo": "ㅎㅇ ㅋㅋㅋ ㅠㅠ",
    "emoji": "👩‍👩‍👧‍👦 가족이에요 🇰🇷",
    "mixed": "GPU에서 Llama를 돌려요 ﾊﾝｸﾞﾙ 漢字",
    "white space": " \n\t ",
    "bidi and zero width": "\u202e안\u200b녕\ufeff",
}


@pytest.mark.parametrize("case", ODD)
async def test_odd_text_is_answered(stack: Running, channel: grpc.aio.Channel, case: str) -> None:
    status, answer = await post(stack, body(ODD[case]))
    assert status == 200, answer
    told = await pb.ChatServiceStub(channel).Chat(chat(ODD[case], max_tokens=4), timeout=60)
    assert told.choices[0].finish_reason in (pb.FINISH_REASON_STOP, pb.FINISH_REASON_LENGTH)
    assert told.summary.normalized == (case == "NFD")


def chat(text: str = "안녕하세요", model: str = MODEL, **options: Any) -> pb.ChatRequest:
    message = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=text)])
    return pb.ChatRequest(model=model, messages=[message], options=pb.GenerationOptions(**options))


BAD_OVER_GRPC = {
    "empty text": (chat(""), "INVALID_ARGUMENT", "INVALID_FIELD", "messages[0].parts[0].text"),
    "1.2 MB of text": (chat(LONG), "INVALID_ARGUMENT", "TEXT_TOO_LONG", "messages[0].parts[0].text"),
    "unknown model": (chat(model="gpt-4o"), "NOT_FOUND", "MODEL_NOT_FOUND", None),
    "negative max_tokens": (chat(max_tokens=-1), "INVALID_ARGUMENT", "INVALID_FIELD", "options.max_tokens"),
    "absurd temperature": (chat(temperature=1e30), "INVALID_ARGUMENT", "INVALID_FIELD", "options.temperature"),
    "NaN": (chat(top_p=float("nan")), "INVALID_ARGUMENT", "INVALID_FIELD", "options.top_p"),
    "a million empty messages": (
        pb.ChatRequest(model=MODEL, messages=[pb.Message(role=pb.ROLE_ASSISTANT)] * 1_000_000),
        *("INVALID_ARGUMENT", "INVALID_FIELD", "messages"),
    ),
    "10,000 stop texts": (chat(stop=MANY_STOPS), "INVALID_ARGUMENT", "INVALID_FIELD", "options.stop"),
}


@pytest.mark.parametrize("case", BAD_OVER_GRPC)
async def test_bad_over_grpc(channel: grpc.aio.Channel, case: str) -> None:
    request, code, reason, field = BAD_OVER_GRPC[case]
    stub = pb.ChatServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as unary:
        await stub.Chat(request, timeout=60)
    with pytest.raises(grpc.aio.AioRpcError) as streamed:
        async for _ in stub.StreamChat(pb.StreamChatRequest(chat=request), timeout=60):
            pass
    for caught, path in ((unary, field), (streamed, field and f"chat.{field}")):
        told = from_rpc_error(caught.value)
        assert (told.code.name, told.reason) == (code, reason)
        if told.code is grpc.StatusCode.INVALID_ARGUMENT:
            assert told.field == path


async def test_text_that_is_not_utf8_over_grpc(channel: grpc.aio.Channel) -> None:
    raw = pb.ChatRequest(model="QQQ").SerializeToString().replace(b"QQQ", b"\xed\xa0\x80")
    call = channel.unary_unary("/soban.v1.ChatService/Chat")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(raw, timeout=60)
    assert from_rpc_error(caught.value).reason == "INVALID_MESSAGE"


async def test_unknown_method_over_grpc(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/soban.v1.ChatService/Talk")(b"", timeout=60)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
