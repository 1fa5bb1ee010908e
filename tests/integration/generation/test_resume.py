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
from soban.generation.replica import Replica
from soban.generation.resume import continued

STREAMS = 100
REPLICAS = 3
TOKENS = 96
NEAR = 0.01
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
    tokens: int = 0
    marks: int = 0
    cut: tuple[str, int] = ("", 0)
    """Text and tokens when it last went on elsewhere."""
    summary: pb.GenerationSummary | None = None

    @property
    def resumes(self) -> int:
        return 0 if self.summary is None else self.summary.resumes


async def read(service: Service, request: pb.GenerateRequest, into: Read) -> None:
    call = service.stub.StreamGenerate(pb.StreamGenerateRequest(generate=request), timeout=120)
    async for event in call:
        if event.delta.resumed:
            into.marks += 1
            into.cut = into.text, into.tokens
        into.text += event.delta.text
        into.tokens += event.delta.tokens
        if event.HasField("summary"):
            into.summary = event.summary


async def undisturbed(service: Service, requests: list[pb.GenerateRequest]) -> list[str]:
    answers = await asyncio.gather(*(service.generate(request) for request in requests))
    return [answer.choices[0].text for answer in answers]


async def disturbed(service: Service, requests: list[pb.GenerateRequest]) -> list[Read]:
    """An engine is killed in the middle of its answers."""
    reads = [Read() for _ in requests]
    running = [asyncio.create_task(read(service, request, into)) for request, into in zip(requests, reads, strict=True)]
    while (victim := in_the_middle(service, requests[0].options.max_tokens)) is None:
        assert not all(task.done() for task in running)
        await asyncio.sleep(0.001)
    os.kill(next(host.pid for host in service.replicas if host.name == victim.id), signal.SIGKILL)
    await asyncio.wait_for(asyncio.gather(*running), 120)
    return reads


def in_the_middle(service: Service, tokens: int) -> Replica | None:
    """A replica whose answers are begun and not near their end, on average."""
    for replica in service.component.registry.served("ko").pool.replicas:
        if 2 * replica.running >= replica.slots and 0.3 * tokens < replica.work / replica.running < 0.8 * tokens:
            return replica
    return None


async def right(service: Service, request: pb.GenerateRequest, expected: str, got: Read) -> bool:
    """Whether it is the undisturbed answer; or one that is, up to its cut, and then what follows that text.

    Text that is read again may fall into other tokens than it was written in, and then go on otherwise.
    """
    if await same(service, request, expected, got.text):
        return True
    begin, tokens = got.cut
    rest = continued(request, begin, tokens)
    follows = (await service.generate(rest)).choices[0].text
    return expected.startswith(begin) and await same(service, rest, follows, got.text.removeprefix(begin))


async def same(service: Service, request: pb.GenerateRequest, expected: str, found: str) -> bool:
    """Whether two greedy answers are equal up to a place where two tokens are as likely as each other.

    llama.cpp's sums depend a little on what else is in a batch, so that such a pair may fall either way, in an
    undisturbed answer as in another.
    """
    if expected == found:
        return True
    asked = pb.GenerateRequest()
    asked.CopyFrom(request)
    asked.options.logprobs, asked.options.top_logprobs = True, 3
    written, answer = "", (await service.generate(asked)).choices[0]
    for token in answer.logprobs:
        written += token.token
        if not (expected.startswith(written) and found.startswith(written)):
            others = [other.logprob for other in token.top if other.token not in ("", token.token)]
            return token.logprob - max(others) < NEAR
    return False


async def test_a_killed_replica_loses_no_stream_of_a_hundred(record_property: Callable[[str, object], None]) -> None:
    """Every stream ends OK, those that went on elsewhere are marked, and all texts are those of an undisturbed run."""
    requests = [ask(text, temperature=0, max_tokens=TOKENS, ignore_eos=True) for text in QUESTIONS]
    model = {"min_replicas": REPLICAS, "parallel": 8, "queue_limit": STREAMS}
    async with serving(BUNDLED, {"delta_interval_ms": 1.0}, **model) as service:
        assert len(service.replicas) == REPLICAS
        expected = await undisturbed(service, requests)
        reads = await disturbed(service, requests)
        equal = [
            await right(service, request, text, each)
            for request, text, each in zip(requests, expected, reads, strict=True)
        ]
        load = (await service.stub.GetLoad(pb.GetLoadRequest())).loads[0]
    resumed = sum(each.resumes > 0 for each in reads)
    record_property("resumed", resumed)
    assert len(reads) == STREAMS
    assert resumed
    assert all(each.marks == each.resumes for each in reads)
    record_property("other_at_near_ties", sum(each.text != text for each, text in zip(reads, expected, strict=True)))
    assert all(equal)
    assert {each.summary.usage.output_tokens for each in reads if each.summary} == {TOKENS}
    assert (load.running, load.queued, load.held, load.tokens_in_flight) == (0, 0, 0, 0)


async def test_a_real_model_goes_on_where_another_replica_stopped(smollm2_path: Path) -> None:
    """Its text is the one of an undisturbed run, as one prompt that holds the text so far is read again."""
    texts = ("Tell me a story about a small table.", "What is the capital of Korea?", "Count from one to ten.")
    requests = [ask(text, temperature=0, max_tokens=40, ignore_eos=True) for text in texts]
    async with serving(str(smollm2_path), {"delta_interval_ms": 1.0}, min_replicas=2, parallel=2) as service:
        expected = await undisturbed(service, requests)
        reads = await disturbed(service, requests)
        equal = [
            await right(service, request, text, each)
            for request, text, each in zip(requests, expected, reads, strict=True)
        ]
    assert any(each.resumes for each in reads)
    assert all(each.summary is not None for each in reads)
    assert all(equal)
