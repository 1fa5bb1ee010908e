"""A worker's loop, over a real socket, and the service's end of it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator

import pytest

import soban.v1 as pb
from soban.runtime.errors import Cancelled, Internal
from soban.tokenization.analysis.job import Flag, Job, Options, Start
from soban.tokenization.analysis.link import WorkerLink
from soban.tokenization.analysis.scheduler import Scheduler
from soban.tokenization.analysis.worker import work

OPTIONS = Options(pb.AnalyzeOptions(top_n=2))


class Echo:
    """Answers each text with itself as its only sentence; fails at "고장"."""

    def answer(self, request: pb.AnalyzeBatchRequest, start: Start, flags: Flag) -> bytes:
        assert request.options.top_n == 2
        response = pb.AnalyzeBatchResponse()
        for text in request.texts:
            if text == "고장":
                raise RuntimeError(text)
            sentence = response.results.add().response.sentences.add(text=text)
            sentence.span.start, sentence.span.end = start.offset + start.eojeol + start.line, int(flags)
        return response.SerializeToString()


class Bench:
    """A scheduler with one worker, which is a thread here."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.changes: list[bool] = []
        ours, theirs = socket.socketpair()
        self.ours = ours
        self.thread = threading.Thread(target=work, args=(theirs, Echo()))
        self.thread.start()

    async def connect(self) -> WorkerLink:
        loop = asyncio.get_running_loop()
        make = lambda: WorkerLink(self.scheduler, lambda link: self.changes.append(link.open))  # noqa: E731
        _, link = await loop.create_unix_connection(make, sock=self.ours)
        return link

    def submit(self, job: Job) -> asyncio.Future[bytes]:
        return self.scheduler.submit("someone", job, 1)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    link = await bench.connect()
    yield bench
    link.close()
    await asyncio.to_thread(bench.thread.join, 10)
    assert not bench.thread.is_alive()


def texts_of(answer: bytes) -> list[str]:
    return [result.response.sentences[0].text for result in pb.AnalyzeBatchResponse.FromString(answer).results]


async def test_jobs_are_answered_in_order(bench: Bench) -> None:
    """Also when several are on their way, and large ones among them."""
    large = "긴 글 " * 100_000
    answers = [bench.submit(OPTIONS.job(texts)) for texts in (["밥", ""], [large], ["국"])]
    assert [texts_of(answer) for answer in await asyncio.gather(*answers)] == [["밥", ""], [large], ["국"]]


async def test_a_job_says_where_its_text_begins(bench: Bench) -> None:
    """And what else is asked for."""
    answer = await bench.submit(OPTIONS.job(["밥"], Start(4_000_000, 20, 3), Flag.OPEN_ENDING))
    span = pb.AnalyzeBatchResponse.FromString(answer).results[0].response.sentences[0].span
    assert (span.start, span.end) == (4_000_023, int(Flag.OPEN_ENDING))


async def test_a_job_that_fails_does_not_end_the_worker(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The log has what happened, and no text."""
    with pytest.raises(Internal):
        await bench.submit(OPTIONS.job(["고장"]))
    assert texts_of(await bench.submit(OPTIONS.job(["밥"]))) == ["밥"]
    (record,) = caplog.records
    assert "고장" not in record.getMessage()


async def test_the_end_of_a_worker_is_noticed() -> None:
    """Its seat is free, and its job waits for another."""
    bench = Bench()
    link = await bench.connect()
    bench.ours.shutdown(socket.SHUT_WR)
    await asyncio.to_thread(bench.thread.join, 10)
    waiting = bench.submit(OPTIONS.job(["밥"]))
    while link.open:
        await asyncio.sleep(0.01)
    assert bench.changes == [True, False]
    assert bench.scheduler.workers == 0
    assert not waiting.done()
    bench.scheduler.close()
    with pytest.raises(Cancelled):
        await waiting
