"""Asks the gateway for streams by gRPC and by OpenAI's HTTP API, and hears how each of them goes."""

from __future__ import annotations

import asyncio
import json
import time
from types import TracebackType
from typing import Any

import aiohttp
import grpc

import soban.v1 as pb
from bench.questions import question
from cluster.answer import Answer, Ask, Heard
from cluster.reach import Gateway
from soban.runtime.details import unpack

_CHANNELS = 8
_RETRY_LATER = ("RESOURCE_EXHAUSTED", "UNAVAILABLE")
_OPTIONS = [
    # One connection for each channel, so that a Service spreads them over its pods.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


class Client:
    """`async with` opens connections. Requests with an even number go by gRPC, the others by HTTP; no retries."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __aenter__(self) -> Client:
        self._channels = [grpc.aio.insecure_channel(self._gateway.grpc, options=_OPTIONS) for _ in range(_CHANNELS)]
        self._stubs = [pb.ChatServiceStub(channel) for channel in self._channels]
        # A connection is used once: a kept one may be closed by the server just when it is used again.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        self._http = aiohttp.ClientSession(self._gateway.http, connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()
        await asyncio.gather(*(channel.close() for channel in self._channels))

    async def ask(self, ask: Ask, number: int) -> Answer:
        """Reads one whole stream; whatever goes wrong is part of the answer."""
        heard, sent = Heard(), time.monotonic()
        first: list[float] = []
        by_grpc = number % 2 == 0
        read = self._by_grpc if by_grpc else self._by_http
        async for text in read(ask, number, heard):
            if not heard.pieces:
                first.append(time.monotonic() - sent)
            heard.pieces.append(text)
        fault = heard.fault(ask.tokens)
        return Answer(
            number,
            "grpc" if by_grpc else "http",
            sent,
            time.monotonic() - sent,
            "refused" if fault and heard.refused and not heard.pieces else "broken" if fault else "ok",
            first[0] if first else None,
            heard.tokens,
            heard.queued,
            heard.resumes,
            fault,
        )

    async def _by_grpc(self, ask: Ask, number: int, heard: Heard) -> Any:
        stub = self._stubs[number // 2 % _CHANNELS]
        try:
            async for event in stub.StreamChat(_grpc_request(ask, number), timeout=ask.timeout):
                if event.HasField("delta"):
                    yield event.delta.text
                elif event.HasField("finish"):
                    heard.finish = (
                        pb.FinishReason.Name(event.finish.finish_reason).removeprefix("FINISH_REASON_").lower()
                    )
                elif event.HasField("summary"):
                    _hear_summary(heard, event.summary)
        except grpc.aio.AioRpcError as err:
            details = unpack(err.trailing_metadata())
            heard.error = f"{err.code().name} {details.reason} {err.details()}"
            heard.refused = err.code().name in _RETRY_LATER and details.retry_after is not None

    async def _by_http(self, ask: Ask, number: int, heard: Heard) -> Any:
        timeout = aiohttp.ClientTimeout(total=ask.timeout)
        try:
            async with self._http.post(
                "/v1/chat/completions", json=_http_body(ask, number), timeout=timeout
            ) as response:
                if response.status != 200:
                    heard.error = f"{response.status} {(await response.text())[:300]}"
                    heard.refused = "Retry-After" in response.headers
                    return
                async for line in response.content:
                    if text := _hear_line(heard, line):
                        yield text
        except (aiohttp.ClientError, TimeoutError) as err:
            heard.error = f"{type(err).__name__} {err}"


def _hear_summary(heard: Heard, summary: pb.ChatSummary) -> None:
    heard.complete = True
    heard.tokens, heard.resumes = summary.usage.output_tokens, summary.resumes
    heard.queued = summary.timings.queue_ms / 1000


def _hear_line(heard: Heard, line: bytes) -> str:
    """Takes one line of server-sent events; returns its text."""
    data = line.decode().removeprefix("data:").strip()
    if not data:
        return ""
    if data == "[DONE]":
        heard.complete = True
        return ""
    chunk = json.loads(data)
    if "error" in chunk:
        heard.error = str(chunk["error"])
    if chunk.get("usage"):
        heard.tokens = chunk["usage"]["completion_tokens"]
    extension = chunk.get("soban", {})
    heard.queued = extension.get("timings", {}).get("queue_ms", heard.queued * 1000) / 1000
    heard.resumes = extension.get("resumes", heard.resumes)
    for choice in chunk.get("choices", ()):
        heard.finish = choice["finish_reason"] or heard.finish
        return choice["delta"].get("content") or ""
    return ""


def _grpc_request(ask: Ask, number: int) -> pb.StreamChatRequest:
    message = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=question(number))])
    options = pb.GenerationOptions(max_tokens=ask.tokens, ignore_eos=True, temperature=0.7, seed=number)
    return pb.StreamChatRequest(chat=pb.ChatRequest(model=ask.model, messages=[message], options=options))


def _http_body(ask: Ask, number: int) -> dict[str, Any]:
    return {
        "model": ask.model,
        "messages": [{"role": "user", "content": question(number)}],
        "max_tokens": ask.tokens,
        "ignore_eos": True,
        "temperature": 0.7,
        "seed": number,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
