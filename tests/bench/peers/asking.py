"""The same question over each interface, and a closed loop of callers who ask."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import openai_load
from rig import Api

import soban.v1 as pb
from soban.cli.load import Report, Sample

_QUESTIONS = (
    "안녕하세요, 오늘 기분이 어떠세요?",
    "점심에 뭘 먹으면 좋을까요?",
    "주말에 비가 온다는데 아이들이랑 어디로 가면 좋을까?",
    "요즘 잠이 잘 안 와서 걱정이에요. 자기 전에 뭘 하면 도움이 될까요?",
    "친구랑 다퉜는데 제가 먼저 사과해야 할까요?",
    "새로 산 노트북이 너무 느린 것 같아요ㅠㅠ",
    "내일 면접인데 너무 떨려요. 한마디만 해 주세요!",
    "운동을 시작하고 싶은데 뭐부터 하면 좋을지 모르겠어요.",
)
_SECONDS = 300.0

Ask = Callable[[int], Awaitable[Sample]]


@dataclass(frozen=True)
class Mode:
    """What each answer is: how many tokens, and whether it is streamed."""

    model: str
    tokens: int
    streaming: bool


@contextlib.asynccontextmanager
async def over_http(api: Api, mode: Mode) -> AsyncIterator[Ask]:
    """OpenAI's chat API."""
    send = openai_load.ask if mode.streaming else openai_load.ask_whole
    async with openai_load.session(api) as opened:
        yield lambda number: send(opened, _body(mode, number))


@contextlib.asynccontextmanager
async def over_chat(target: str, mode: Mode) -> AsyncIterator[Ask]:
    """The gateway's ChatService."""
    async with grpc.aio.insecure_channel(target) as channel:
        stub: pb.ChatServiceAsyncStub = pb.ChatServiceStub(channel)

        def ask(number: int) -> Awaitable[Sample]:
            chat = pb.ChatRequest(model=mode.model, messages=[_message(number)], options=_options(mode))
            if mode.streaming:
                return _streamed(stub.StreamChat(pb.StreamChatRequest(chat=chat), timeout=_SECONDS))
            return _whole(stub.Chat(chat, timeout=_SECONDS))

        yield ask


@contextlib.asynccontextmanager
async def over_generation(target: str, mode: Mode) -> AsyncIterator[Ask]:
    """GenerationService, with nothing before and after it."""
    async with grpc.aio.insecure_channel(target) as channel:
        stub: pb.GenerationServiceAsyncStub = pb.GenerationServiceStub(channel)

        def ask(number: int) -> Awaitable[Sample]:
            asked = pb.GenerateRequest(model=mode.model, messages=[_message(number)], options=_options(mode))
            if mode.streaming:
                return _streamed(stub.StreamGenerate(pb.StreamGenerateRequest(generate=asked), timeout=_SECONDS))
            return _whole(stub.Generate(asked, timeout=_SECONDS))

        yield ask


async def closed(ask: Ask, callers: int, requests: int) -> Report:
    """Question 0, 1, ... Each caller asks again when its answer is there. Raises what asking raises."""
    samples: list[Sample] = []
    numbers = itertools.count()

    async def caller() -> None:
        while (number := next(numbers)) < requests:
            samples.append(await ask(number))

    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(callers):
            tasks.create_task(caller())
    return Report(samples, time.monotonic() - began, complete=True)


async def _streamed(events: Any) -> Sample:
    began = time.monotonic()
    first: float | None = None
    tokens = 0
    async for event in events:
        if first is None and event.delta.text:
            first = time.monotonic() - began
        tokens += event.summary.usage.output_tokens
    return Sample(time.monotonic() - began, first, tokens)


async def _whole(answer: Awaitable[Any]) -> Sample:
    began = time.monotonic()
    tokens = (await answer).summary.usage.output_tokens
    seconds = time.monotonic() - began
    return Sample(seconds, seconds, tokens)


def _body(mode: Mode, number: int) -> dict[str, Any]:
    streaming = {"stream": True, "stream_options": {"include_usage": True}} if mode.streaming else {}
    return {
        "model": mode.model,
        "messages": [{"role": "user", "content": _question(number)}],
        "max_tokens": mode.tokens,
        "temperature": 0,
        "ignore_eos": True,
        **streaming,
    }


def _message(number: int) -> pb.Message:
    return pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=_question(number))])


def _options(mode: Mode) -> pb.GenerationOptions:
    return pb.GenerationOptions(max_tokens=mode.tokens, temperature=0, ignore_eos=True)


def _question(number: int) -> str:
    return f"{_QUESTIONS[number % len(_QUESTIONS)]} ({number})"
