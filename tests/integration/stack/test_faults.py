"""A running stack whose parts die or are stopped while eight people read their answers."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil

import soban.v1 as pb
from integration.cli.stacks import Up, eventually, none_left, up
from soban.generation.llama_server import KEY_VARIABLE

STREAMS = 8
RETURN_SECONDS = 60.0
OPEN_POLICY = ("-c", str(Path(__file__).with_name("open_policy.yaml")))


@dataclass
class Read:
    """What one reader got."""

    text: str = ""
    finished: bool = False
    marks: int = 0
    resumes: int = 0
    error: grpc.aio.AioRpcError | None = None


async def read(stub: pb.ChatServiceAsyncStub, number: int, tokens: int, into: Read) -> None:
    question = pb.ContentPart(text=f"{number}번째로 여쭤봐요. 옛날이야기 하나 해 주세요.")
    chat = pb.ChatRequest(
        model="soban-demo",
        messages=[pb.Message(role=pb.ROLE_USER, parts=[question])],
        options=pb.GenerationOptions(max_tokens=tokens, ignore_eos=True, temperature=0),
        safety_policy="observe",
    )
    try:
        async for event in stub.StreamChat(pb.StreamChatRequest(chat=chat), timeout=120):
            into.text += event.delta.text
            into.finished |= event.HasField("summary")
            into.marks += event.delta.resumed
            into.resumes += event.summary.resumes
    except grpc.aio.AioRpcError as err:
        into.error = err


async def during_streams(stack: Up, tokens: int, act: object) -> list[Read]:
    """Eight streams; `act` is called once half of them have text."""
    reads = [Read() for _ in range(STREAMS)]
    async with grpc.aio.insecure_channel(stack.endpoints["gateway"]) as channel:
        stub: pb.ChatServiceAsyncStub = pb.ChatServiceStub(channel)
        readers = [asyncio.create_task(read(stub, number, tokens, each)) for number, each in enumerate(reads)]
        while sum(bool(each.text) for each in reads) < STREAMS // 2:
            assert not all(reader.done() for reader in readers)
            await asyncio.sleep(0.005)
        assert callable(act)
        act()
        await asyncio.wait_for(asyncio.gather(*readers), 120)
    return reads


def engine_of(stack: Up) -> psutil.Process:
    generation = stack.service("generation")
    return next(child for child in generation.children() if KEY_VARIABLE in child.environ())


async def test_an_engine_that_is_killed_cuts_no_stream() -> None:
    """Streams wait until it is back, go on where they stopped, and say so; the next one works."""
    with up(*OPEN_POLICY) as stack:
        first = engine_of(stack)
        reads = await during_streams(stack, 700, first.kill)
        assert [each.error for each in reads] == [None] * STREAMS
        assert all(each.finished and each.text for each in reads)
        assert any(each.resumes for each in reads)
        assert all(each.marks == each.resumes for each in reads)

        again = await until_answered(stack)
        assert again.finished
        assert again.text
        assert engine_of(stack).pid != first.pid


async def until_answered(stack: Up) -> Read:
    """The first request that is not refused, as a client would ask that heeds RetryInfo."""
    async with grpc.aio.insecure_channel(stack.endpoints["gateway"]) as channel, asyncio.timeout(RETURN_SECONDS):
        stub: pb.ChatServiceAsyncStub = pb.ChatServiceStub(channel)
        while True:
            found = Read()
            await read(stub, 9, 16, found)
            if found.error is None:
                return found
            await asyncio.sleep(0.2)


async def test_a_stack_that_is_stopped_lets_running_streams_end() -> None:
    """All end OK, the exit code is 0, and no process is left."""
    with up(*OPEN_POLICY) as stack:
        family = stack.family()
        reads = await during_streams(stack, 300, lambda: stack.signal(signal.SIGTERM))
        assert [each.error for each in reads] == [None] * STREAMS
        assert all(each.finished and each.text for each in reads)
        assert await asyncio.to_thread(stack.wait) == 0
        assert eventually(lambda: none_left(family))
