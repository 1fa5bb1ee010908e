"""Text made to hurt hurts nobody else: neither the server nor the calls beside it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

import soban.v1 as pb
from integration.tokenization.server import OPTIONS, Server, serving

HOSTILE = {
    "one syllable": "가" * 4_500,
    "one letter": "a" * 10_000,
    "one mark": "-" * 10_000,
    "one quote": '"' * 5_000,
    "two syllables": "보통" * 8_000,
    "syllables without spaces": "가나다라마바사" * 500,
    "invisible spaces": "가\u200b" * 2_000,
    "lines without end": "가 나\n" * 2_000,
    "white space": " \n" * 50_000,
    "digits": "1" * 70_000,
    "emoji": "😀" * 30_000,
    "families": "👨‍👩‍👧‍👦" * 2_000,
    "hanja": "漢" * 20_000,
    "jamo": "ㅋ" * 20_000,
    "conjoining jamo": "\u1100" * 10_000 + "\u1161\u11a8" * 10_000,
    "combining marks": "가" + "\u0308" * 10_000,
    "control characters": "".join(map(chr, range(32))) * 200 + "\x00" * 5_000,
    "byte order marks": "\ufeff" * 10_000,
    "right to left": "\u202e" + "שלום " * 3_000,
    "brackets": "(" * 10_000 + ")" * 10_000,
    "links": "http://" * 4_000,
    "no characters": "\ufffe\uffff\U0010ffff" * 3_000,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_text_is_analysed(stub: Any, name: str) -> None:
    """In all units' favourite one, with spans that hold."""
    text = HOSTILE[name]
    options = pb.AnalyzeOptions(sentences=True, offset_unit=pb.OFFSET_UNIT_UTF8_BYTE)
    response = await stub.Analyze(pb.AnalyzeRequest(text=text, options=options), timeout=60)
    raw = text.encode()
    (analysis,) = response.analyses
    for morpheme in analysis.morphemes:
        assert raw[morpheme.span.start : morpheme.span.end].decode() == morpheme.surface
    for sentence in response.sentences:
        assert raw[sentence.span.start : sentence.span.end].decode() == sentence.text
    assert not response.HasField("next_offset")


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_text_is_encoded(stub: Any, name: str) -> None:
    """And decodes to itself."""
    request = pb.EncodeRequest(model="soban-demo", texts=[HOSTILE[name]], normalize=False, with_tokens=True)
    (encoding,) = (await stub.Encode(request, timeout=60)).encodings
    assert b"".join(token.bytes for token in encoding.tokens) == HOSTILE[name].encode()
    decoded = await stub.Decode(pb.DecodeRequest(model="soban-demo", token_ids=encoding.token_ids), timeout=60)
    assert decoded.text == HOSTILE[name]


async def test_small_calls_are_answered_beside_hostile_ones(stub: Any) -> None:
    """While texts that take seconds are under way, more of them than there are workers."""
    hostile = [asyncio.create_task(_analyze(stub, "가" * 30_000)) for _ in range(4)]
    await asyncio.sleep(0.2)
    for _ in range(30):
        await _analyze(stub, "비가 온다")
        await stub.CountTokens(pb.CountTokensRequest(model="soban-demo", texts=["비가 온다"]), timeout=30)
    assert not any(task.done() for task in hostile)
    for task in hostile:
        task.cancel()
    await asyncio.gather(*hostile, return_exceptions=True)
    assert await _analyze(stub, "비가 온다")


async def test_time_that_runs_out_leaves_what_is_done(stub: Any) -> None:
    """With where to go on; soon after it nothing of the text is worked on any more."""
    text = "가나다라마바사" * 190_000
    response = await stub.Analyze(pb.AnalyzeRequest(text=text), timeout=3)
    assert 0 < response.next_offset < len(text)
    assert response.analyses[0].morphemes[-1].span.end <= response.next_offset


async def test_workers_that_die_are_replaced(tmp_path: Path) -> None:
    """Their calls are answered by others; later ones do not notice."""
    with serving(tmp_path) as server:
        async with grpc.aio.insecure_channel(server.target, options=OPTIONS) as channel:
            stub = pb.TokenizationServiceStub(channel)
            calls = [asyncio.create_task(_analyze(stub, "가" * 1_999)) for _ in range(2)]
            await asyncio.sleep(0.1)
            before = server.workers()
            for worker in before:
                worker.kill()
            assert all(answer.analyses for answer in await asyncio.gather(*calls))
            for _ in range(10):
                await _analyze(stub, "비가 온다")
        await _gone(before)
        assert server.end() == 0


async def test_a_nursery_that_dies_is_replaced(tmp_path: Path) -> None:
    """With all its workers; calls wait for the new ones meanwhile."""
    with serving(tmp_path) as server:
        async with grpc.aio.insecure_channel(server.target, options=OPTIONS) as channel:
            stub = pb.TokenizationServiceStub(channel)
            (nursery,) = psutil.Process(server.process.pid).children()
            nursery.kill()
            assert await _analyze(stub, "비가 온다")
        family = psutil.Process(server.process.pid).children(recursive=True)
        assert server.end() == 0
        await _gone(family)


async def test_nothing_is_left_when_the_server_is_killed(tmp_path: Path) -> None:
    """Even while it works."""
    with serving(tmp_path) as server:
        family = psutil.Process(server.process.pid).children(recursive=True)
        async with grpc.aio.insecure_channel(server.target, options=OPTIONS) as channel:
            call = asyncio.create_task(_analyze(pb.TokenizationServiceStub(channel), "가" * 20_000))
            await asyncio.sleep(0.2)
            os.kill(server.process.pid, signal.SIGKILL)
            with pytest.raises(grpc.aio.AioRpcError):
                await call
        await _gone(family)


async def test_logs_have_no_text(server: Server, stub: Any) -> None:
    """Neither of calls nor of errors."""
    secret = "비밀번호는" + str(time.time_ns())
    await _analyze(stub, secret)
    with pytest.raises(grpc.aio.AioRpcError):
        await _analyze(stub, secret, include_tags=[secret])
    assert server.events
    assert secret not in str(server.events)


async def _gone(processes: list[psutil.Process]) -> None:
    """Waits until none of them runs any more; whoever adopted them may not have reaped them yet."""
    async with asyncio.timeout(20):
        while any(map(_runs, processes)):
            await asyncio.sleep(0.02)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def _analyze(stub: Any, text: str, **options: Any) -> pb.AnalyzeResponse:
    request = pb.AnalyzeRequest(text=text, options=pb.AnalyzeOptions(**options))
    response: pb.AnalyzeResponse = await stub.Analyze(request, timeout=60)
    return response
