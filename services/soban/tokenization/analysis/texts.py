"""Texts of any length through the workers: jobs out, answers put together, deadlines kept."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple, Protocol

import soban.v1 as pb
from soban.runtime.errors import DeadlineExceeded
from soban.tokenization.analysis.cost import WHOLE, cost_of, factor_of
from soban.tokenization.analysis.job import Flag, Job, Options, Start
from soban.tokenization.analysis.merging import Merger
from soban.tokenization.analysis.piece import count_eojeol, count_lines
from soban.tokenization.analysis.slicing import Slice, slices
from soban.tokenization.offsets import unit_of, width

_IN_FLIGHT = 8
"""Slices of one text that are with the workers or wait for one."""


class Workers(Protocol):
    """Who does the jobs; `WorkerPool` is one."""

    @property
    def parallel(self) -> int:
        """How many long jobs are done at the same time."""

    def submit(self, caller: Hashable, job: Job, cost: int) -> asyncio.Future[bytes]:
        """The future answer."""

    def withdraw(self, caller: Hashable) -> None:
        """Forgets jobs that no worker has yet."""


class _SentSlice(NamedTuple):
    piece: Slice
    start: Start
    answer: asyncio.Future[bytes]


class TextAnalysis:
    """Analyses texts with the options of one request, which are valid as the texts are."""

    def __init__(self, workers: Workers, options: pb.AnalyzeOptions, flags: Flag = Flag.NONE) -> None:
        self.unit = unit_of(options.offset_unit)
        self._workers = workers
        self._options = options
        self._encoded = Options(options)
        self._factor = factor_of(options)
        self._flags = flags

    def cost_of(self, text: str) -> int:
        """Of a text that is analysed whole, in characters of usual prose."""
        return cost_of(text, self._factor)

    def submit(self, caller: Hashable, texts: list[str], cost: int) -> asyncio.Future[bytes]:
        """Texts that are analysed whole, in one job."""
        return self._workers.submit(caller, self._encoded.job(texts, flags=self._flags), cost)

    async def analyze(self, text: str, remaining: float | None) -> pb.AnalyzeResponse:
        """The analysis of `text`, without versions and unit. `remaining` is in seconds.

        A text of up to 2,000 characters is analysed whole, a longer one in slices. When time runs out, the answer has
        what is done and `next_offset`. Raises DeadlineExceeded where nothing is, QueueFull,
        EngineLost and Internal.
        """
        if len(text) > WHOLE:
            return await self._analyze_slices(text, remaining)
        answer = await self.submit(object(), [text], self.cost_of(text))
        return only_response(answer)

    async def _analyze_slices(self, text: str, remaining: float | None) -> pb.AnalyzeResponse:
        merger = Merger(text, self.unit, pb.AnalyzeResponse())
        caller, sent = object(), deque[_SentSlice]()
        try:
            async with asyncio.timeout(None if remaining is None else remaining - answer_margin(remaining)):
                waiting = self._submit_slices(caller, text)
                while self._fill(sent, waiting):
                    done = sent[0]
                    merger.add(only_response(await done.answer), done.piece, done.start.offset)
                    sent.popleft()
        except TimeoutError as err:
            reached = sent[0].start.offset if sent else 0
            if not reached:
                raise DeadlineExceeded("the deadline passed before anything was analysed") from err
            merger.response.next_offset = reached
        finally:
            self._workers.withdraw(caller)
            for one in sent:
                forget(one.answer)
        merger.finish(sentences=self._options.sentences)
        return merger.response

    def _fill(self, sent: deque[_SentSlice], waiting: Iterator[_SentSlice]) -> bool:
        """Submits slices until enough are on their way; tells whether any is."""
        while len(sent) < _IN_FLIGHT and (following := next(waiting, None)) is not None:
            sent.append(following)
        return bool(sent)

    def _submit_slices(self, caller: Hashable, text: str) -> Iterator[_SentSlice]:
        for piece, start in _starts(text, self.unit):
            flags = self._flags | Flag.WITH_SENTENCES | (Flag.OPEN_ENDING if piece.inside else Flag.NONE)
            body = text[piece.start : piece.end]
            job = self._encoded.job([body], start, flags)
            yield _SentSlice(piece, start, self._workers.submit(caller, job, self.cost_of(body)))


def forget(answer: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more, whether it is done or not."""
    if not answer.cancel() and not answer.cancelled():
        # An exception that nobody has looked at would be logged.
        answer.exception()


def only_response(answer: bytes) -> pb.AnalyzeResponse:
    """The analysis in an answer to a job with one text."""
    return pb.AnalyzeBatchResponse.FromString(answer).results[0].response


def _starts(text: str, unit: pb.OffsetUnit.ValueType) -> Iterator[tuple[Slice, Start]]:
    """Each slice, and where it begins."""
    offset = eojeol = line = 0
    for piece in slices(text):
        body = text[piece.start : piece.end]
        # A cut inside an eojeol does not make two of it.
        goes_on = piece.start > 0 and not text[piece.start - 1].isspace() and not body[:1].isspace()
        yield piece, Start(offset, eojeol - goes_on, line)
        offset += width(body, unit)
        eojeol += count_eojeol(body) - goes_on
        line += count_lines(body)


def answer_margin(remaining: float) -> float:
    """Seconds for writing the answer, which takes longer the more there is in it."""
    return min(0.5, 0.05 + 0.05 * remaining)
