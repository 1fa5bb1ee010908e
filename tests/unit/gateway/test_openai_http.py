"""The OpenAI API over HTTP: whole answers, streams byte by byte, models, moderations."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from typing import Any

import aiohttp
import pytest

import soban.v1 as pb
from soban.runtime.errors import EngineLost, QueueFull
from unit.gateway.conftest import Stack, running_stack
from unit.gateway.fakes import (
    PHONE,
    PHONE_MASK,
    REASON,
    SWEARING,
    finish,
    piece,
    playing,
    saying,
    start,
    summary,
)

CHAT = "/v1/chat/completions"


def ask(text: str = "안녕하세요?", **fields: Any) -> dict[str, Any]:
    return {"model": "soban-demo", "messages": [{"role": "user", "content": text}], **fields}


async def stream_of(stack: Stack, path: str, body: Any) -> str:
    async with stack.http.post(stack.url + path, json=body) as response:
        assert response.status == 200, await response.text()
        return (await response.read()).decode()


def chunks_of(stream: str) -> list[dict[str, Any]]:
    """The events of a stream, without the last, which is [DONE]."""
    *events, done, rest = stream.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


async def test_whole_answer_has_openais_shape_and_ours_in_a_namespace(stack: Stack) -> None:
    status, answer = await stack.post(CHAT, ask())
    assert status == 200
    extension = answer.pop("soban")
    assert re.fullmatch("chatcmpl-[0-9a-f]{24}", answer.pop("id"))
    assert answer.pop("created") > 1_700_000_000
    message = {"role": "assistant", "content": "안녕하세요. 반갑습니다.", "refusal": None}
    assert answer == {
        "object": "chat.completion",
        "model": "soban-demo",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 11,
            "completion_tokens": 7,
            "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }
    assert extension["ai_generated"] is True
    assert extension["eojeol"] == {"input": 1, "output": 2}
    assert [verdict["action"] for verdict in extension["verdicts"]] == ["ACTION_ALLOW", "ACTION_ALLOW"]
    assert extension["timings"]["total_ms"] > 0


async def test_stream_is_these_bytes(stack: Stack) -> None:
    stack.generation.script = saying(["안녕\u2028하세요. ", '"반"\n'])
    body = ask(stream=True, stream_options={"include_usage": True})
    stream = await stream_of(stack, CHAT, body)
    stream = re.sub("chatcmpl-[0-9a-f]{24}", "ID", stream)
    stream = re.sub(r'"created":\d+', '"created":0', stream)
    stream = re.sub(r'"soban":\{"verdicts".*\}\}\n', '"soban":{}}\n', stream)
    head = 'data: {"id":"ID","object":"chat.completion.chunk","created":0,"model":"soban-demo","usage":null,"choices":['
    usage = (
        '"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":3},'
        '"completion_tokens_details":{"reasoning_tokens":2}}'
    )
    assert stream.split("\n\n") == [
        head
        + '{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]'
        + ',"soban":{"ai_generated":true}}',
        head + '{"index":0,"delta":{"content":"안녕\\u2028하세요. "},"logprobs":null,"finish_reason":null}]}',
        head + '{"index":0,"delta":{"content":"\\"반\\"\\n"},"logprobs":null,"finish_reason":null}]}',
        head + '{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"soban":{}}',
        head.replace('"usage":null', usage) + "]}",
        "data: [DONE]",
        "",
    ]


async def test_stream_without_usage_has_no_usage(stack: Stack) -> None:
    chunks = chunks_of(await stream_of(stack, CHAT, ask(stream=True)))
    assert all("usage" not in chunk and chunk["choices"] for chunk in chunks)
    assert chunks[-1]["soban"]["eojeol"] == {"input": 1, "output": 2}


async def test_stream_may_not_be_held_back_by_proxies(stack: Stack) -> None:
    async with stack.http.post(stack.url + CHAT, json=ask(stream=True)) as response:
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-cache"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["X-AI-Generated"] == "true"


async def test_each_piece_is_sent_at_once(stack: Stack) -> None:
    held = asyncio.Event()

    async def script(_: pb.GenerateRequest) -> Any:
        yield start()
        yield piece("첫 조각")
        await held.wait()
        yield finish()
        yield summary()

    stack.generation.script = script
    async with stack.http.post(stack.url + CHAT, json=ask(stream=True)) as response:
        async with asyncio.timeout(5):
            while "첫 조각" not in (await response.content.readline()).decode():
                pass
        held.set()


async def test_nagle_is_off(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = aiohttp.web_protocol.RequestHandler.connection_made

    def connection_made(self: Any, transport: asyncio.BaseTransport) -> None:
        original(self, transport)
        seen.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(aiohttp.web_protocol.RequestHandler, "connection_made", connection_made)
    await stack.post(CHAT, ask())
    assert all(seen)
    assert seen


async def test_operators_notice_comes_with_every_answer() -> None:
    notice = "이 답변은 인공지능이 작성했습니다."
    async with running_stack(ai_notice=notice) as stack:
        _, answer = await stack.post(CHAT, ask())
        assert answer["soban"]["ai_notice"] == notice
        first = chunks_of(await stream_of(stack, CHAT, ask(stream=True)))[0]
        assert first["soban"] == {"ai_generated": True, "ai_notice": notice}
        events = await stack.stream(pb.ChatRequest(model="soban-demo", prompt="응"))
        assert events[0].start.ai_notice == notice


async def test_blocked_input_is_a_content_filter_with_its_reason(stack: Stack) -> None:
    status, answer = await stack.post(CHAT, ask(SWEARING))
    assert status == 200
    assert answer["choices"][0]["finish_reason"] == "content_filter"
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": None, "refusal": REASON.ko}
    assert answer["soban"]["verdicts"][0]["reason"]["en"] == REASON.en


async def test_blocked_stream_ends_as_content_filter_with_its_reason(stack: Stack) -> None:
    stack.generation.script = saying(["좋아요. ", SWEARING, "더"])
    chunks = chunks_of(await stream_of(stack, CHAT, ask(stream=True)))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[1:] == [{"content": "좋아요. "}, {"refusal": REASON.ko}]
    assert chunks[-1]["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (pb.FINISH_REASON_STOP, "stop"),
        (pb.FINISH_REASON_LENGTH, "length"),
        (pb.FINISH_REASON_TOOL_CALLS, "tool_calls"),
        (pb.FINISH_REASON_SAFETY, "content_filter"),
        (pb.FINISH_REASON_CANCELLED, "length"),
    ],
)
async def test_finish_reasons_in_openais_words(stack: Stack, reason: pb.FinishReason, word: str) -> None:
    stack.generation.script = saying(["네"], reason)
    _, answer = await stack.post(CHAT, ask())
    assert answer["choices"][0]["finish_reason"] == word


async def test_two_choices_stream_side_by_side(stack: Stack) -> None:
    stack.generation.script = playing(
        [start(), piece("가", 0), piece("나", 1), finish(index=0), finish(index=1), summary()]
    )
    chunks = chunks_of(await stream_of(stack, CHAT, ask(stream=True, n=2)))
    told = [(chunk["choices"][0]["index"], chunk["choices"][0]["delta"].get("content")) for chunk in chunks]
    assert told == [(0, ""), (1, ""), (0, "가"), (1, "나"), (0, None), (1, None)]
    assert "soban" not in chunks[-2]


TOOL = {"type": "function", "function": {"name": "sms", "parameters": {"type": "object"}}}


async def test_tool_calls_in_both_shapes(stack: Stack) -> None:
    call = pb.ToolCallDelta(index=0, id="call_1", name="sms", arguments='{"to":')
    rest = pb.ToolCallDelta(index=0, arguments='"엄마"}')
    events = [start(), piece(tool_calls=[call]), piece(tool_calls=[rest])]
    stack.generation.script = playing([*events, finish(pb.FINISH_REASON_TOOL_CALLS), summary()])
    _, answer = await stack.post(CHAT, ask(tools=[TOOL]))
    function = {"name": "sms", "arguments": '{"to":"엄마"}'}
    message = answer["choices"][0]["message"]
    assert message["tool_calls"] == [{"id": "call_1", "type": "function", "function": function}]
    assert message["content"] is None
    chunks = chunks_of(await stream_of(stack, CHAT, ask(tools=[TOOL], stream=True)))
    assert [chunk["choices"][0]["delta"]["tool_calls"] for chunk in chunks[1:3]] == [
        [{"index": 0, "function": {"name": "sms", "arguments": '{"to":'}, "id": "call_1", "type": "function"}],
        [{"index": 0, "function": {"arguments": '"엄마"}'}}],
    ]


async def test_reasoning_in_both_shapes(stack: Stack) -> None:
    stack.generation.script = playing([start(), piece(reasoning="생각 중"), piece("네."), finish(), summary()])
    _, answer = await stack.post(CHAT, ask())
    assert answer["choices"][0]["message"]["reasoning_content"] == "생각 중"
    chunks = chunks_of(await stream_of(stack, CHAT, ask(stream=True)))
    assert chunks[1]["choices"][0]["delta"] == {"reasoning_content": "생각 중"}


def logprob(token: str) -> pb.TokenLogprob:
    top = [pb.TokenLogprob(token="딴", bytes="딴".encode(), logprob=-2.0)]
    return pb.TokenLogprob(token=token, bytes=token.encode(), logprob=-0.5, top=top)


async def test_logprobs_of_chats_and_completions(stack: Stack) -> None:
    pieces = [piece("안녕", logprobs=[logprob("안"), logprob("녕")]), piece("!", logprobs=[logprob("!")])]
    stack.generation.script = playing([start(), *pieces, finish(), summary()])
    _, answer = await stack.post(CHAT, ask(logprobs=True, top_logprobs=1))
    [first, *_] = answer["choices"][0]["logprobs"]["content"]
    other = {"token": "딴", "logprob": -2.0, "bytes": list("딴".encode())}
    assert first == {"token": "안", "logprob": -0.5, "bytes": list("안".encode()), "top_logprobs": [other]}
    body = {"model": "soban-demo", "prompt": "자", "logprobs": 1}
    _, answer = await stack.post("/v1/completions", body)
    assert answer["choices"][0]["logprobs"] == {
        "tokens": ["안", "녕", "!"],
        "token_logprobs": [-0.5, -0.5, -0.5],
        "top_logprobs": [{"딴": -2.0}] * 3,
        "text_offset": [0, 1, 2],
    }
    chunks = chunks_of(await stream_of(stack, "/v1/completions", {**body, "stream": True}))
    assert [chunk["choices"][0]["logprobs"]["text_offset"] for chunk in chunks[1:3]] == [[0, 1], [2]]


async def test_logprobs_of_masked_text_stay_in(stack: Stack) -> None:
    texts = ["번호는 ", "010-", "1234-", "5678", "예요."]
    stack.generation.script = playing(
        [start(), *(piece(text, logprobs=[logprob(text)]) for text in texts), finish(), summary()]
    )
    _, answer = await stack.post(CHAT, ask(logprobs=True))
    [choice] = answer["choices"]
    assert choice["message"]["content"] == f"번호는 {PHONE_MASK}예요."
    assert [token["token"] for token in choice["logprobs"]["content"]] == ["번호는 "]


async def test_completion_is_the_same_flow_with_a_prompt(stack: Stack) -> None:
    body = {"model": "soban-demo", "prompt": f"제 번호는 {PHONE}이고", "max_tokens": 5}
    status, answer = await stack.post("/v1/completions", body)
    assert status == 200
    assert answer["object"] == "text_completion"
    assert answer["choices"] == [
        {"index": 0, "text": "안녕하세요. 반갑습니다.", "logprobs": None, "finish_reason": "stop"}
    ]
    assert stack.generation.requests[0].prompt == f"제 번호는 {PHONE_MASK}이고"
    chunks = chunks_of(await stream_of(stack, "/v1/completions", {**body, "stream": True}))
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "안녕하세요. 반갑습니다."
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


async def test_models_are_generations_models(stack: Stack) -> None:
    async with stack.http.get(f"{stack.url}/v1/models") as response:
        listed = await response.json()
    assert [model["id"] for model in listed["data"]] == ["soban-demo", "kakaocorp/kanana-1.5-2.1b"]
    async with stack.http.get(f"{stack.url}/v1/models/kakaocorp/kanana-1.5-2.1b") as response:
        one = await response.json()
    assert one["object"] == "model"
    assert one["owned_by"] == "soban"
    assert "secret.gguf" not in json.dumps(one)


async def test_unknown_model_is_not_found(stack: Stack) -> None:
    async with stack.http.get(f"{stack.url}/v1/models/gpt-4o") as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] == "model_not_found"


async def test_moderation_judges_each_text_and_has_every_category_of_openai(stack: Stack) -> None:
    status, answer = await stack.post("/v1/moderations", {"input": ["좋은 하루 되세요", f"번호 {PHONE}", SWEARING]})
    assert status == 200
    assert [result["flagged"] for result in answer["results"]] == [False, True, True]
    masked = answer["results"][1]
    assert masked["categories"]["pii.phone"] is True
    assert masked["category_scores"]["pii.phone"] == pytest.approx(0.9)
    assert masked["categories"]["self-harm/intent"] is False
    assert len(masked["category_scores"]) == 14
    assert masked["soban"]["action"] == "ACTION_MASK"
    assert stack.generation.requests == []


async def test_moderation_of_one_text_and_of_parts_under_a_named_policy(stack: Stack) -> None:
    await stack.post("/v1/moderations", {"input": "안녕", "model": "omni-moderation-latest"})
    parts = [{"type": "text", "text": "안녕"}]
    await stack.post("/v1/moderations", {"input": parts, "soban": {"safety_policy": "strict"}})
    assert [check.policy for check in stack.safety.checks] == ["default", "strict"]


async def test_client_that_leaves_a_stream_frees_the_engine(stack: Stack) -> None:
    stack.generation.script = playing([start(), piece("기다려 "), 30.0, finish(), summary()])
    async with stack.http.post(stack.url + CHAT, json=ask(stream=True)) as response:
        await response.content.readline()
        response.close()
    await asyncio.wait_for(stack.generation.cancelled.wait(), 5)
    await asyncio.wait_for(stack.safety.filter_left.wait(), 5)


async def test_client_that_leaves_while_it_waits_frees_the_engine(stack: Stack) -> None:
    stack.generation.script = playing([start(), piece("기다려 "), 30.0, finish(), summary()])
    waiting = asyncio.create_task(stack.post(CHAT, ask()))
    while not stack.generation.requests:
        await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait_for(stack.generation.cancelled.wait(), 5)


async def test_error_after_text_is_the_last_event(stack: Stack) -> None:
    stack.generation.script = playing([start(), piece("여기까지."), EngineLost("the engine is gone")])
    stream = await stream_of(stack, CHAT, ask(stream=True))
    *_, last, rest = stream.split("\n\n")
    assert rest == ""
    assert json.loads(last.removeprefix("data: ")) == {
        "error": {"message": "the engine is gone", "type": "server_error", "param": None, "code": "engine_lost"}
    }
    assert "여기까지." in stream


async def test_error_before_text_has_a_status_also_for_streams(stack: Stack) -> None:
    stack.generation.script = playing([QueueFull("64 requests wait already", retry_after=2.5)])
    for body in (ask(), ask(stream=True)):
        async with stack.http.post(stack.url + CHAT, json=body) as response:
            assert response.status == 429
            assert response.headers["Retry-After"] == "3"
            error = (await response.json())["error"]
        assert (error["type"], error["code"]) == ("rate_limit_error", "queue_full")


async def test_request_id_comes_back_and_travels_on(stack: Stack) -> None:
    for body in (ask(), ask(stream=True)):
        async with stack.http.post(stack.url + CHAT, json=body, headers={"x-request-id": "req-9"}) as response:
            assert response.headers["x-request-id"] == "req-9"
        assert stack.generation.metadata["x-request-id"] == "req-9"
    async with stack.http.get(f"{stack.url}/nowhere") as response:
        assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


async def test_cost_resumes_and_steps_stand_in_our_namespace_as_numbers(stack: Stack) -> None:
    cost = pb.Cost(krw_micros=1_234_567_890_123, usd_micros=7, engine_seconds=0.25)
    steps = [
        pb.RouteStep(model="ko-2b", outcome="low_confidence", usage=pb.Usage(input_tokens=11, output_tokens=3)),
        pb.RouteStep(model="ko-8b", outcome="accepted", usage=pb.Usage(input_tokens=11, output_tokens=4)),
    ]
    told = summary(cost=cost, resumes=1, route_steps=steps)
    stack.generation.script = playing([start("ko-8b"), piece("네."), piece(" 서울", resumed=True), finish(), told])
    wanted = {
        "cost": {"krw_micros": 1_234_567_890_123, "usd_micros": 7, "engine_seconds": 0.25},
        "resumes": 1,
        "route_steps": [
            {"model": "ko-2b", "outcome": "low_confidence", "usage": {"input_tokens": 11, "output_tokens": 3}},
            {"model": "ko-8b", "outcome": "accepted", "usage": {"input_tokens": 11, "output_tokens": 4}},
        ],
    }
    status, answer = await stack.post(CHAT, ask())
    assert (status, answer["model"]) == (200, "ko-8b")
    assert wanted.items() <= answer["soban"].items()
    chunks = chunks_of(await stream_of(stack, CHAT, ask(stream=True)))
    assert wanted.items() <= chunks[-1]["soban"].items()
    marked = [chunk["choices"][0]["delta"] for chunk in chunks if chunk.get("soban", {}).get("resumed")]
    assert len(marked) == 1


async def test_an_answer_without_a_price_has_no_cost(stack: Stack) -> None:
    _, answer = await stack.post(CHAT, ask())
    assert not {"cost", "resumes", "route_steps"} & answer["soban"].keys()


async def test_metadata_names_the_tenant_and_the_user_a_session() -> None:
    async with running_stack(tenant_label="team") as stack:
        await stack.post(CHAT, ask(user="u-1", metadata={"team": "support"}))
        [asked] = stack.generation.requests
    assert asked.tenant == "support"
    assert len(asked.session) == 16
