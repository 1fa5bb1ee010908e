"""A streamed Korean chat from outside the cluster, with the clients that people use."""

from __future__ import annotations

import time

import grpc
import httpx2
import openai

import soban.v1 as pb
from cluster.answer import text_fault
from cluster.outcome import Outcome
from cluster.reach import Gateway
from cluster.world import World

RUNG = "c"
TITLE = "A Korean chat streams out of the cluster, to the openai client and over gRPC"
ORDER = 310
REAL = "both clients outside the cluster, Service, gateway, safety, generation, engine"

_QUESTION = "안녕하세요, 오늘 기분이 어떠세요?"
_FIRST_SECONDS = 5.0


async def run(world: World) -> Outcome:
    """Asks once by each API."""
    outcome = Outcome()
    release = await world.serving()
    with world.step("a chat by the openai client"):
        await _by_openai(release.gateway, outcome)
    with world.step("a chat by gRPC"):
        await _by_grpc(release.gateway, outcome)
    return outcome


async def _by_openai(gateway: Gateway, outcome: Outcome) -> None:
    began, pieces, first, finish = time.monotonic(), [], 0.0, None
    # No proxy of this machine's environment: the address is the cluster's.
    async with httpx2.AsyncClient(trust_env=False) as plain:
        client = openai.AsyncOpenAI(base_url=f"{gateway.http}/v1", api_key="unused", http_client=plain)
        stream = await client.chat.completions.create(
            model="soban-demo", messages=[{"role": "user", "content": _QUESTION}], stream=True
        )
        async for chunk in stream:
            for choice in chunk.choices:
                finish = choice.finish_reason or finish
                if choice.delta.content:
                    first = first or time.monotonic() - began
                    pieces.append(choice.delta.content)
    _judge(outcome, "openai client", pieces, first, finish == "stop")


async def _by_grpc(gateway: Gateway, outcome: Outcome) -> None:
    message = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=_QUESTION)])
    request = pb.StreamChatRequest(chat=pb.ChatRequest(model="soban-demo", messages=[message]))
    began, pieces, first, finish, summary = time.monotonic(), [], 0.0, pb.FINISH_REASON_UNSPECIFIED, pb.ChatSummary()
    async with grpc.aio.insecure_channel(gateway.grpc, options=[("grpc.enable_http_proxy", 0)]) as channel:
        async for event in pb.ChatServiceStub(channel).StreamChat(request, timeout=30):
            if event.delta.text:
                first = first or time.monotonic() - began
                pieces.append(event.delta.text)
            finish = event.finish.finish_reason or finish
            summary = event.summary if event.HasField("summary") else summary
    _judge(outcome, "gRPC", pieces, first, finish == pb.FINISH_REASON_STOP)
    checked = len(summary.verdicts)
    outcome.expect("gRPC: verdicts of safety (input and answer)", checked, "2", checked == 2)


def _judge(outcome: Outcome, by: str, pieces: list[str], first: float, stopped: bool) -> None:
    fault = text_fault(pieces)
    outcome.expect(f"{by}: answer", fault or "".join(pieces), "whole Korean text", not fault)
    outcome.expect(f"{by}: finish reason", "stop" if stopped else "another", "stop", stopped)
    outcome.expect(f"{by}: first text", f"{first:.2f} s", f"<= {_FIRST_SECONDS:g} s", first < _FIRST_SECONDS)
