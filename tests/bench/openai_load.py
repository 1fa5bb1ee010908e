"""A closed loop of chats over the OpenAI HTTP API, as thin as possible; for engine and gateway alike."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from rig import Api

from soban.cli.load import Report, Sample

_PATH = "/v1/chat/completions"
_TEXT = b'"content":"'
_NO_TEXT = b'"content":""'


async def measure(api: Api, request: Callable[[int], Mapping[str, Any]], streams: int, requests: int) -> Report:
    """Sends `request(0)`, `request(1)`, ... with `streams` callers. Raises when an answer is not 200."""
    samples: list[Sample] = []
    numbers = itertools.count()
    async with session(api) as opened:

        async def caller() -> None:
            while (number := next(numbers)) < requests:
                samples.append(await ask(opened, request(number)))

        began = time.monotonic()
        await asyncio.gather(*(caller() for _ in range(streams)))
        return Report(samples, time.monotonic() - began, complete=True)


def session(api: Api) -> aiohttp.ClientSession:
    """Connections to `api`, as many as are wanted; none is used twice, since llama.cpp closes them after a stream."""
    headers = {"Authorization": f"Bearer {api.key}"} if api.key else {}
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    return aiohttp.ClientSession(api.url, headers=headers, connector=connector)


async def ask(opened: aiohttp.ClientSession, body: Mapping[str, Any]) -> Sample:
    """One streamed chat."""
    began = time.monotonic()
    first: float | None = None
    usage = b""
    async with opened.post(_PATH, json=body) as response:
        response.raise_for_status()
        async for line in response.content:
            if first is None and _has_text(line.replace(b": ", b":")):
                first = time.monotonic() - began
            if b'"usage"' in line:
                usage = line
    spent = json.loads(usage.removeprefix(b"data: "))["usage"]
    return Sample(time.monotonic() - began, first, spent["completion_tokens"])


async def ask_whole(opened: aiohttp.ClientSession, body: Mapping[str, Any]) -> Sample:
    """One chat that is answered at once; its first text is the whole one."""
    began = time.monotonic()
    async with opened.post(_PATH, json=body) as response:
        response.raise_for_status()
        spent = json.loads(await response.read())["usage"]
    seconds = time.monotonic() - began
    return Sample(seconds, seconds, spent["completion_tokens"])


def _has_text(line: bytes) -> bool:
    return _TEXT in line and _NO_TEXT not in line
