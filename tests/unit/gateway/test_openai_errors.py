"""Errors over HTTP: every code has a status, every bad body a 400 with its param, and nothing a 500."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soban.gateway.openai import errors
from soban.runtime.errors import (
    ContextOverflow,
    DeadlineExceeded,
    EngineFailed,
    EngineLost,
    Internal,
    InvalidField,
    KeyInvalid,
    ModelForbidden,
    ModelNotFound,
    NotBuilt,
    QueueFull,
    QuotaExceeded,
    SobanError,
)
from unit.gateway.conftest import Stack, running_stack
from unit.gateway.fakes import playing

CHAT = "/v1/chat/completions"


def test_every_code_of_grpc_has_a_status() -> None:
    assert set(errors.STATUSES) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (ContextOverflow("no", field="generate.prompt"), 400, "invalid_request_error", "context_length_exceeded"),
        (NotBuilt("no"), 400, "invalid_request_error", "not_built"),
        (KeyInvalid("no"), 401, "authentication_error", "invalid_api_key"),
        (ModelForbidden("no"), 403, "permission_error", "model_forbidden"),
        (ModelNotFound("no"), 404, "invalid_request_error", "model_not_found"),
        (QueueFull("no"), 429, "rate_limit_error", "queue_full"),
        (QuotaExceeded("no"), 429, "rate_limit_error", "insufficient_quota"),
        (EngineLost("no"), 503, "server_error", "engine_lost"),
        (EngineFailed("no"), 503, "server_error", "engine_failed"),
        (DeadlineExceeded("no"), 504, "server_error", "deadline_exceeded"),
    ],
)
async def test_upstream_errors_in_openais_shape(
    stack: Stack, error: SobanError, status: int, kind: str, code: str
) -> None:
    stack.generation.script = playing([error])
    body = {"model": "m", "messages": [{"role": "user", "content": "응"}]}
    async with stack.http.post(stack.url + CHAT, json=body) as response:
        assert response.status == status
        assert ("Retry-After" in response.headers) == (status in (429, 503))
        param = {"context_length_exceeded": "prompt", "model_not_found": "model"}.get(code)
        assert await response.json() == {"error": {"message": "no", "type": kind, "param": param, "code": code}}


@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/v1/moderations"])
async def test_a_policy_that_no_client_may_name_is_403(stack: Stack, path: str) -> None:
    good = {"model": "m", "soban": {"safety_policy": "observe"}}
    text = {"messages": [{"role": "user", "content": "응"}]} if path == CHAT else {"prompt": "응"}
    status, answer = await stack.post(path, {**good, **({"input": "응"} if path == "/v1/moderations" else text)})
    error = answer["error"]
    assert (status, error["type"], error["code"]) == (403, "permission_error", "policy_forbidden")
    assert error["param"] == "soban.safety_policy"
    assert stack.safety.checks == []


@pytest.mark.parametrize("given", ["x" * 4000, "\u00e9", "00-a-b-01", "ff"])
async def test_a_bad_traceparent_is_dropped(stack: Stack, given: str) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "응"}]}
    async with stack.http.post(stack.url + CHAT, json=body, headers={"traceparent": given}) as response:
        assert response.status == 200
    assert "traceparent" not in stack.generation.metadata


async def test_bug_upstream_tells_its_id_alone(stack: Stack) -> None:
    stack.generation.script = playing([Internal("비밀")])
    status, answer = await stack.post(CHAT, {"model": "m", "messages": [{"role": "user", "content": "응"}]})
    assert status == 500
    assert answer["error"]["message"].startswith("internal error ")


async def post_raw(stack: Stack, raw: bytes, path: str = CHAT, **options: Any) -> tuple[int, Any]:
    async with stack.http.post(stack.url + path, data=raw, **options) as response:
        return response.status, await response.json()


BODY = '{"model":"m","messages":[{"role":"user","content":"%s"}]%s}'


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'"chat"', None),
        (b"null", None),
        (b"{'model': 1}", None),
        (b'{"model": NaN}', None),
        (b'{"temperature": -Infinity}', None),
        (b"[" * 100_000, None),
        (b'{"a":' * 5_000, None),
        (b'{"n": ' + b"9" * 5_000 + b"}", None),
        (b'{"model": "\xff"}', None),
        (b'{"model": "\xed\xa0\x80"}', None),
        ("﻿{}".encode(), None),
        ((BODY % ("\\ud800", "")).encode(), "messages[0].content"),
        ((BODY % ("\\uDC00 끝", "")).encode(), "messages[0].content"),
        ((BODY % ("가", ',"\\ud83d":1')).encode(), "body"),
        ((BODY % ("가", ',"soban":{"a":[[],{"\\ud83d":1}]}')).encode(), "soban.a[1]"),
        ((BODY % ("가", ',"stop":["끝","\\udfff"]')).encode(), "stop[1]"),
        ((BODY % ("가", ',"stop":' + json.dumps(["끝"] * 17))).encode(), "stop"),
        ((BODY % ("가", ',"tools":' + json.dumps([{}] * 129))).encode(), "tools"),
        ((BODY % ("가", ',"metadata":' + json.dumps({str(key): 1 for key in range(17)}))).encode(), "metadata"),
        ((BODY % ("가", ',"logit_bias":' + json.dumps(dict.fromkeys(range(1025), 1)))).encode(), "logit_bias"),
        (json.dumps({"model": "m", "messages": [{}] * 2049}).encode(), "messages"),
        (
            json.dumps({"model": "m", "messages": [{"role": "user", "content": [{}] * 65}]}).encode(),
            "messages[0].content",
        ),
        (
            json.dumps({"model": "m", "messages": [{"role": "user", "tool_calls": [{}] * 129}]}).encode(),
            "messages[0].tool_calls",
        ),
        ((BODY % ("", "")).encode(), "messages[0].content"),
        ((BODY % ("가" * 400_000, "")).encode(), "messages[0].content"),
        ((BODY % ("가", ',"user":"%s"' % ("u" * 129))).encode(), "user"),
        ((BODY % ("가", ',"temperature":1e999')).encode(), "temperature"),
        ((BODY % ("가", ',"soban":{"safety_policy":5}')).encode(), "soban.safety_policy"),
    ],
)
async def test_bad_bodies_are_400_and_name_the_field(stack: Stack, raw: bytes, param: str | None) -> None:
    status, answer = await post_raw(stack, raw)
    assert (status, answer["error"]["param"]) == (400, param), answer
    assert answer["error"]["type"] == "invalid_request_error"
    assert stack.generation.requests == []


@pytest.mark.parametrize("text", ["\\u0000", "\\ud83d\\ude00", "\u1100\u1161", "ㅋㅋ ㅇㅇ", "\\u2028"])
async def test_odd_but_valid_text_passes_as_it_is(stack: Stack, text: str) -> None:
    status, _ = await post_raw(stack, (BODY % (text, "")).encode())
    assert status == 200
    assert stack.generation.requests[0].messages[0].parts[0].text == json.loads(f'"{text}"')


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"])
async def test_content_type_does_not_matter(stack: Stack, kind: str) -> None:
    status, _ = await post_raw(stack, (BODY % ("응", "")).encode(), headers={"Content-Type": kind})
    assert status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "unknown_url"),
        ("POST", "/chat/completions", 404, "unknown_url"),
        ("POST", "/v1/chat/completion", 404, "unknown_url"),
        ("POST", "/v1/embeddings", 404, "unknown_url"),
        ("GET", "/v1/../../etc/passwd", 404, "unknown_url"),
        ("GET", "/v1/한글", 404, "unknown_url"),
        ("GET", CHAT, 405, "method_not_allowed"),
        ("DELETE", "/v1/models/soban-demo", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
    ],
)
async def test_wrong_paths_and_methods_are_told_in_json(
    stack: Stack, method: str, path: str, status: int, code: str
) -> None:
    async with stack.http.request(method, stack.url + path) as response:
        assert response.status == status
        error = (await response.json())["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", code)


async def test_body_over_the_limit_is_413() -> None:
    async with running_stack(max_body_bytes=2048) as stack:
        status, answer = await post_raw(stack, (BODY % ("가" * 1000, "")).encode())
        assert (status, answer["error"]["code"]) == (413, "body_too_large")
        status, _ = await post_raw(stack, (BODY % ("가", "")).encode())
        assert status == 200


async def test_body_that_breaks_off_harms_nobody(stack: Stack) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", stack.gateway.http_port)
    writer.write(b'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{"model":')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    status, _ = await post_raw(stack, (BODY % ("응", "")).encode())
    assert status == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=8), inside, max_size=4),
    max_leaves=12,
)
KNOWN = [
    "model",
    "messages",
    "prompt",
    "stream",
    "stream_options",
    "n",
    "stop",
    "seed",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "tools",
    "tool_choice",
    "response_format",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "user",
    "metadata",
    "soban",
    "input",
    "echo",
    "best_of",
    "suffix",
    "store",
    "service_tier",
    "safety_identifier",
    "parallel_tool_calls",
    "role",
    "content",
    "modalities",
]


@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/v1/moderations"])
async def test_no_json_body_is_a_500(path: str) -> None:
    """Any JSON object is answered or refused; what looks like a request is mixed with what is none."""
    loop = asyncio.get_running_loop()
    async with running_stack() as stack:
        good = {"model": "m", "messages": [{"role": "user", "content": "응"}], "prompt": "응", "input": "응"}

        def check(body: dict[str, Any]) -> None:
            future = asyncio.run_coroutine_threadsafe(post_raw(stack, json.dumps(body).encode(), path), loop)
            status, _ = future.result(10)
            assert status in (200, 400, 404)

        strategy = st.dictionaries(st.sampled_from(KNOWN), json_values, max_size=5).map(
            lambda body: {**{key: good[key] for key in good if key not in body}, **body, "stream": False}
        )
        run = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))(given(strategy)(check))
        await asyncio.to_thread(run)


async def test_no_line_of_the_log_has_what_an_engine_quotes(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    """Its sender reads it."""
    caplog.set_level("DEBUG")
    quoted = "전화는 010-1234-5678입니다"
    stack.generation.script = playing([InvalidField("the engine refuses the request", quoted=quoted)])
    status, answer = await stack.post(CHAT, {"model": "m", "messages": [{"role": "user", "content": "응"}]})
    assert (status, quoted in answer["error"]["message"]) == (400, True)
    assert caplog.records
    assert quoted not in repr([vars(record) for record in caplog.records])
