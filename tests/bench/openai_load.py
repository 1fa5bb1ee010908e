"""A closed loop of streamed chats over the OpenAI HTTP API, as thin as possible; for engine and gateway alike."""

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

_TEXT = b'"content":"'
_NO_TEXT = b'"content":""'


async def measure(api: Api, request: Callable[[int], Mapping[str, Any]], streams: int, requests: int) -> Report:
    """Sends `request(0)`, `request(1)`, ... with `streams` callers. Raises when an answer is not 200."""
    samples: list[Sample] = []
    numbers = itertools.count()
    headers = {"Authorization": f"Bearer {api.key}"} if api.key else {}
    async with aiohttp.ClientSession(
        headers=headers, connector=aiohttp.TCPConnector(limit=0, force_close=True)
    ) as session:

        async def caller() -> None:
            while (number := next(numbers)) < requests:
                samples.append(await _ask(session, api.url, request(number)))

        began = time.monotonic()
        await asyncio.gather(*(caller() for _ in range(streams)))
        return Report(samples, time.monotonic() - began, complete=True)


async def _ask(session: aiohttp.ClientSession, url: str, body: Mapping[str, Any]) -> Sample:
    began = time.monotonic()
    first: float | None = None
    usage = b""
    async with session.post(f"{url}/v1/chat/completions", json=body) as response:
        response.raise_for_status()
        async for line in response.content:
            if first is None and _has_text(line.replace(b": ", b":")):
                first = time.monotonic() - began
            if b'"usage"' in line:
                usage = line
    spent = json.loads(usage.removeprefix(b"data: "))["usage"]
    return Sample(time.monotonic() - began, first, spent["completion_tokens"])


def _has_text(line: bytes) -> bool:
    return _TEXT in line and _NO_TEXT not in line
