"""Life of the gateway: alive, ready, draining, gone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import soban.v1 as pb
from soban.gateway.gateway import Gateway
from soban.gateway.openai import connection
from soban.gateway.settings import GatewaySettings, Upstreams
from soban.runtime.config import ConfigError, validate
from soban.runtime.server import BindError, RunningServer, running
from soban.runtime.telemetry import Telemetry
from unit.gateway.conftest import QUIET, Stack, running_stack, say, text_of
from unit.gateway.fakes import FakeGeneration, FakeSafety, Far, finish, piece, playing, start, summary

BODY = {"model": "m", "messages": [{"role": "user", "content": "응"}]}


async def get(url: str) -> tuple[int, dict[str, str]]:
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return response.status, await response.json()


async def test_health_and_ready_answer_while_it_serves(stack: Stack) -> None:
    assert await get(f"{stack.url}/health") == (200, {"status": "ok"})
    assert await get(f"{stack.url}/ready") == (200, {"status": "ready"})


async def test_gateway_is_alive_but_not_ready_until_both_services_have_served() -> None:
    safety, generation = FakeSafety(), FakeGeneration()
    settings = GatewaySettings(port=0, http_port=0, metrics_port=0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    upstreams = Upstreams(safety=f"127.0.0.1:{port}", generation=f"127.0.0.1:{port}")
    server = RunningServer(Gateway(settings, upstreams, {}, Telemetry.noop()), settings, Telemetry.noop())
    gateway = server._component
    await server.bind()
    starting = asyncio.create_task(server.start())
    try:
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(IndexError, aiohttp.ClientError):
                    url = f"http://127.0.0.1:{gateway.http_port}"
                    assert await get(f"{url}/health") == (200, {"status": "ok"})
                    break
                await asyncio.sleep(0.01)
        assert await get(f"{url}/ready") == (503, {"status": "not ready"})
        async with aiohttp.ClientSession() as http, http.post(f"{url}/v1/chat/completions", json=BODY) as response:
            assert response.status == 503
            assert (await response.json())["error"]["code"] == "not_ready"
            assert response.headers["Retry-After"] == "1"
        assert not starting.done()

        def register(far: grpc.aio.Server) -> None:
            pb.add_SafetyServiceServicer_to_server(safety, far)
            pb.add_GenerationServiceServicer_to_server(generation, far)

        both = Far("soban.v1.SafetyService", register)
        both.service_names = ("soban.v1.SafetyService", "soban.v1.GenerationService")
        async with running(both, QUIET.model_copy(update={"port": port}), grace=0):
            await asyncio.wait_for(starting, 20)
            assert await get(f"{url}/ready") == (200, {"status": "ready"})
    finally:
        starting.cancel()
        await server.close()


async def test_grpc_health_tells_of_the_chat_service(stack: Stack) -> None:
    stub = health_pb2_grpc.HealthStub(stack.channel)
    for name in ("", "live", "ready", "soban.v1.ChatService"):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_gateway_stays_ready_when_a_service_behind_it_goes(stack: Stack) -> None:
    await stack.far["generation"].close()
    assert (await get(f"{stack.url}/ready"))[0] == 200


async def test_stopping_lets_streams_of_both_kinds_end_and_takes_no_new_ones(stack: Stack) -> None:
    going_on = asyncio.Event()

    async def script(_: pb.GenerateRequest):
        yield start()
        yield piece("앞과 ")
        await going_on.wait()
        yield piece("뒤")
        yield finish()
        yield summary()

    stack.generation.script = script
    over_grpc = asyncio.create_task(stack.stream(say("응")))
    async with stack.http.post(f"{stack.url}/v1/chat/completions", json={**BODY, "stream": True}) as response:
        await response.content.readline()
        while len(stack.generation.requests) < 2:
            await asyncio.sleep(0.01)
        stopping = asyncio.create_task(stack.server.stop(grace=20))
        await asyncio.sleep(0.05)
        with pytest.raises(aiohttp.ClientError):
            async with aiohttp.ClientSession() as http, http.post(f"{stack.url}/v1/chat/completions", json=BODY):
                pass
        assert not stopping.done()
        going_on.set()
        rest = (await response.read()).decode()
    assert "뒤" in rest
    assert rest.endswith("data: [DONE]\n\n")
    assert text_of(await over_grpc) == "앞과 뒤"
    await asyncio.wait_for(stopping, 10)


async def test_stream_that_outlives_the_grace_is_cut(stack: Stack) -> None:
    stack.generation.script = playing([start(), piece("끝없이"), 60.0, finish(), summary()])
    async with stack.http.post(f"{stack.url}/v1/chat/completions", json={**BODY, "stream": True}) as response:
        await response.content.readline()
        await stack.server.stop(grace=0.1)
        await stack.server.close()
        with pytest.raises(aiohttp.ClientError):
            await response.read()
    await asyncio.wait_for(stack.generation.left.wait(), 5)


async def test_a_stopping_gateway_is_not_ready_and_still_answers(stack: Stack) -> None:
    """Until those who sent requests have forgotten it."""
    await stack.server.refuse()
    assert await get(f"{stack.url}/ready") == (503, {"status": "not ready"})
    assert (await stack.post("/v1/chat/completions", BODY))[0] == 200


async def test_a_connection_without_a_request_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that sends nothing, and one that never ends its header."""
    monkeypatch.setattr(connection, "_IDLE_SECONDS", 0.2)
    async with running_stack() as stack:
        for begun in (b"", b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "):
            reader, writer = await asyncio.open_connection("127.0.0.1", stack.gateway.http_port)
            writer.write(begun)
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 20_000 + b"\r\n\r\n", 431, "header_too_large"),
        (b"\x16\x03\x01 no HTTP\r\n\r\n", 400, "invalid_http"),
    ],
)
async def test_what_is_no_http_gets_an_error_object(stack: Stack, raw: bytes, status: int, code: str) -> None:
    """Without the names of the libraries inside."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.gateway.http_port)
    writer.write(raw)
    head, _, answer = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(f"HTTP/1.1 {status} ".encode()) or head.startswith(f"HTTP/1.0 {status} ".encode())
    assert b"Server: soban" in head
    assert b"aiohttp" not in head
    assert json.loads(answer)["error"]["code"] == code


@pytest.mark.parametrize("stream", [True, False])
async def test_client_that_does_not_read_is_cut_off_after_the_longest_time(stream: bool) -> None:
    """Whoever only opens a connection must not hold a handler and what it has to write."""
    async with running_stack(longest_stream_seconds=0.5) as stack:
        stack.generation.script = playing([start(), *[piece("가" * 300_000)] * 24, finish(), summary()])
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", stack.gateway.http_port))
            raw = json.dumps({**BODY, "stream": stream}).encode()
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(raw)}\r\n\r\n"
            client.sendall(head.encode() + raw)
            await asyncio.wait_for(stack.generation.left.wait(), 10)
            await asyncio.wait_for(stack.gateway.drain(grace=60), 10)


async def test_taken_http_port_is_told_with_the_setting_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = GatewaySettings(port=0, http_port=taken.getsockname()[1], metrics_port=0)
        gateway = Gateway(settings, Upstreams(safety="127.0.0.1:1", generation="127.0.0.1:1"), {}, Telemetry.noop())
        with pytest.raises(BindError, match="httpPort"):
            async with running(gateway, settings):
                pass


def test_upstreams_follow_the_ports_of_the_same_file() -> None:
    services = {"safety": {"port": 6000}, "generation": {}}
    assert Upstreams().beside(services) == Upstreams(safety="127.0.0.1:6000", generation="127.0.0.1:50063")
    named = Upstreams(safety="dns:///safety:50062", generation="10.0.0.1:1")
    assert named.beside(services) == named


def test_settings_are_camel_case_and_know_their_keys() -> None:
    given = json.loads('{"httpPort": 0, "aiNotice": "AI", "maxBodyBytes": 4096, "defaultPolicy": "strict"}')
    settings = validate(GatewaySettings, given, "services.gateway")
    assert (settings.port, settings.http_port, settings.ai_notice, settings.default_policy) == (
        50051,
        0,
        "AI",
        "strict",
    )
    with pytest.raises(ConfigError, match="httpPort"):
        validate(GatewaySettings, {"httpport": 1}, "services.gateway")
