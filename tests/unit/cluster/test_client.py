"""The client against a gateway that answers well, cuts streams, and refuses: by gRPC and by HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
import pytest
from aiohttp import web
from grpc_status import rpc_status

import soban.v1 as pb
from cluster.answer import Ask
from cluster.client import Client
from cluster.reach import Gateway
from soban.runtime import details

ASK = Ask("ko-2b", tokens=4, timeout=5.0)
GRPC, HTTP = 0, 1


class FakeGateway(pb.ChatServiceServicer):
    """Says the same by both protocols. `cut` ends streams after their first text; `full` refuses them before it."""

    def __init__(self) -> None:
        self.cut = self.full = False
        self.asked: list[str] = []

    async def StreamChat(
        self, request: pb.StreamChatRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.StreamChatResponse]:
        """By gRPC."""
        self.asked.append(request.chat.messages[0].parts[0].text)
        if self.full:
            await context.abort_with_status(rpc_status.to_status(_refusal()))
        yield pb.StreamChatResponse(start=pb.ChatStart(id="1"))
        yield pb.StreamChatResponse(delta=pb.ChatDelta(text="맛있게 "))
        if self.cut:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        yield pb.StreamChatResponse(delta=pb.ChatDelta(text="드세요."))
        yield pb.StreamChatResponse(finish=pb.ChatFinish(finish_reason=pb.FINISH_REASON_LENGTH))
        usage, timings = pb.Usage(output_tokens=4), pb.Timings(queue_ms=1500)
        yield pb.StreamChatResponse(summary=pb.ChatSummary(usage=usage, timings=timings, resumes=1))

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """By HTTP."""
        self.asked.append((await request.json())["messages"][0]["content"])
        if self.full:
            return web.json_response({"error": {"code": "queue_full"}}, status=429, headers={"Retry-After": "1"})
        response = web.StreamResponse()
        await response.prepare(request)
        for event in self._events():
            await response.write(f"data: {event}\n\n".encode())
        return response

    def _events(self) -> Iterable[str]:
        yield _chunk({"role": "assistant", "content": ""})
        yield _chunk({"content": "맛있게 "})
        if self.cut:
            return
        yield _chunk({"content": "드세요."})
        yield _chunk({}, "length", {"timings": {"queue_ms": 1500}, "resumes": 1})
        yield json.dumps({"choices": [], "usage": {"completion_tokens": 4}})
        yield "[DONE]"


def _chunk(delta: dict[str, Any], finish: str | None = None, extension: dict[str, Any] | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"choices": [choice], "usage": None, "soban": extension or {}}, ensure_ascii=False)


def _refusal() -> Any:
    from google.protobuf import any_pb2
    from google.rpc import status_pb2

    packed = any_pb2.Any()
    packed.Pack(details.retry_info(1.0))
    return status_pb2.Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message="full", details=[packed])


@pytest.fixture
async def fake() -> AsyncIterator[tuple[FakeGateway, Client]]:
    """Both sides on free ports, and a client of them."""
    gateway = FakeGateway()
    server = grpc.aio.server()
    pb.add_ChatServiceServicer_to_server(gateway, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", gateway.chat)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with Client(Gateway(f"127.0.0.1:{port}", f"http://127.0.0.1:{runner.addresses[0][1]}", "here")) as client:
        yield gateway, client
    await server.stop(0)
    await runner.cleanup()


@pytest.mark.parametrize("number", [GRPC, HTTP])
async def test_a_whole_stream_is_ok(fake: tuple[FakeGateway, Client], number: int) -> None:
    """With the tokens, the wait and the resumes that the server told."""
    answer = await fake[1].ask(ASK, number)
    assert (answer.status, answer.why, answer.tokens, answer.queued) == ("ok", "", 4, 1.5)
    assert answer.resumes == 1
    assert answer.api == ("grpc", "http")[number]
    assert answer.first is not None
    assert answer.first <= answer.seconds


@pytest.mark.parametrize("number", [GRPC, HTTP])
async def test_a_stream_that_is_cut_is_broken(fake: tuple[FakeGateway, Client], number: int) -> None:
    """By an error, or by an end without one."""
    fake[0].cut = True
    answer = await fake[1].ask(ASK, number)
    assert answer.status == "broken"
    assert answer.first is not None
    assert answer.why


@pytest.mark.parametrize("number", [GRPC, HTTP])
async def test_a_refusal_with_a_time_to_come_again_is_no_broken_stream(
    fake: tuple[FakeGateway, Client], number: int
) -> None:
    """RetryInfo, or Retry-After."""
    fake[0].full = True
    answer = await fake[1].ask(ASK, number)
    assert answer.status == "refused"
    assert answer.first is None


async def test_nobody_there_is_broken() -> None:
    """A refused connection comes without a time to come again."""
    async with Client(Gateway("127.0.0.1:1", "http://127.0.0.1:1", "nowhere")) as client:
        assert [(await client.ask(ASK, number)).status for number in (GRPC, HTTP)] == ["broken", "broken"]


async def test_no_prompt_comes_twice(fake: tuple[FakeGateway, Client]) -> None:
    """The engine's cache would make it look faster than it is."""
    for number in range(12):
        await fake[1].ask(ASK, number)
    assert len(set(fake[0].asked)) == 12
