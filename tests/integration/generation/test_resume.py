"""Several real engines as replicas of one model, one of which is killed while a crowd reads."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import soban.v1 as pb
from integration.generation.conftest import BUNDLED
from integration.generation.engines import Service, ask, serving

STREAMS = 100
REPLICAS = 3
PLACES = ("서울", "부산", "제주", "전주", "강릉", "대구", "광주", "수원", "춘천", "여수")
WISHES = (
    "날씨가 어때요?",
    "가볼 만한 곳을 알려 주세요.",
    "에서 뭐 먹을까요?",
    "이야기 하나 해 줘.",
    "까지 어떻게 가요?",
    "사람들은 친절한가요?",
    "에 눈이 올까요?",
    "의 옛날 이름은 뭐예요?",
    "에서 하룻밤 묵으려고요.",
    "이 그리워요.",
)
QUESTIONS = [f"{place} {wish}" for place in PLACES for wish in WISHES]


@dataclass
class Read:
    """What one reader got."""

    text: str = ""
    marks: int = 0
    summary: pb.GenerationSummary | None = None

    @property
    def resumes(self) -> int:
        return 0 if self.summary is None else self.summary.resumes


async def read(service: Service, request: pb.GenerateRequest, into: Read, begun: Callable[[], None]) -> None:
    call = service.stub.StreamGenerate(pb.StreamGenerateRequest(generate=request), timeout=120)
    async for event in call:
        if event.delta.text and not into.text:
            begun()
        into.text += event.delta.text
        into.marks += event.delta.resumed
        if event.HasField("summary"):
            into.summary = event.summary


async def undisturbed(service: Service, requests: list[pb.GenerateRequest]) -> list[str]:
    answers = await asyncio.gather(*(service.generate(request) for request in requests))
    return [answer.choices[0].text for answer in answers]


async def disturbed(service: Service, requests: list[pb.GenerateRequest], begun: int) -> list[Read]:
    """The busiest engine is killed once `begun` readers have text."""
    reads, first_texts = [Read() for _ in requests], asyncio.Semaphore(0)
    running = [
        asyncio.create_task(read(service, request, into, first_texts.release))
        for request, into in zip(requests, reads, strict=True)
    ]
    for _ in range(begun):
        await first_texts.acquire()
    victim = max(service.component.registry.served("ko").pool.replicas, key=lambda replica: replica.running)
    assert victim.running
    os.kill(next(host.pid for host in service.replicas if host.name == victim.id), signal.SIGKILL)
    await asyncio.wait_for(asyncio.gather(*running), 120)
    return reads


async def test_a_killed_replica_loses_no_stream_of_a_hundred(record_property: Callable[[str, object], None]) -> None:
    """Every stream ends OK, those that went on elsewhere are marked, and all texts are those of an undisturbed run."""
    requests = [ask(text, temperature=0, max_tokens=48, ignore_eos=True) for text in QUESTIONS]
    model = {"min_replicas": REPLICAS, "parallel": 8, "queue_limit": STREAMS}
    async with serving(BUNDLED, {"delta_interval_ms": 1.0}, **model) as service:
        assert len(service.replicas) == REPLICAS
        expected = await undisturbed(service, requests)
        reads = await disturbed(service, requests, 8)
        load = (await service.stub.GetLoad(pb.GetLoadRequest())).loads[0]
    resumed = sum(each.resumes > 0 for each in reads)
    record_property("resumed", resumed)
    assert len(reads) == STREAMS
    assert resumed
    assert all(each.marks == each.resumes for each in reads)
    assert [each.text for each in reads] == expected
    assert {each.summary.usage.output_tokens for each in reads if each.summary} == {48}
    assert (load.running, load.queued, load.held, load.tokens_in_flight) == (0, 0, 0, 0)


async def test_a_real_model_goes_on_where_another_replica_stopped(smollm2_path: Path) -> None:
    """Its text is the one of an undisturbed run, as one prompt that holds the text so far is read again."""
    texts = ("Tell me a story about a small table.", "What is the capital of Korea?", "Count from one to ten.")
    requests = [ask(text, temperature=0, max_tokens=40, ignore_eos=True) for text in texts]
    async with serving(str(smollm2_path), {"delta_interval_ms": 1.0}, min_replicas=2, parallel=2) as service:
        expected = await undisturbed(service, requests)
        reads = await disturbed(service, requests, 2)
    assert any(each.resumes for each in reads)
    assert all(each.summary is not None for each in reads)
    assert [each.text for each in reads] == expected
