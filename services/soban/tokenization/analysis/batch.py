"""Many texts at once: short ones share a job, long ones are cut, and the failure of one fails no other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import soban.v1 as pb
from soban.runtime.errors import DeadlineExceeded, EngineLost, Internal, SobanError
from soban.tokenization.analysis.cost import SHORT, WHOLE
from soban.tokenization.analysis.texts import TextAnalysis, Workers, answer_margin, forget

_GROUP = 1_000
"""Highest cost of texts that share a job: some ten milliseconds. Larger jobs keep a worker's caches warm."""

_LONG_AT_ONCE = 4
"""Long texts that are cut at the same time: each has slices enough for some workers."""

_SHARED_FATE = (EngineLost, Internal)
"""What one text of a job does to the others in it."""


@dataclass(frozen=True)
class _Part:
    """Texts from number `first` on, and the work on them: an encoded response to all, or the response to one."""

    first: int
    texts: Sequence[str]
    work: asyncio.Future[bytes] | asyncio.Task[pb.AnalyzeResponse] | None
    refusal: SobanError | None = None


class Batch:
    """The texts of one request. `refused` has the errors of those that are not analysed at all, by number."""

    def __init__(
        self, analysis: TextAnalysis, workers: Workers, texts: Sequence[str], refused: Mapping[int, SobanError]
    ) -> None:
        self._analysis = analysis
        self._workers = workers
        self._texts = texts
        self._refused = refused
        self._response = pb.AnalyzeBatchResponse()
        self._end: float | None = None
        self._late = False
        self._parts: list[_Part] = []
        self._long = asyncio.Semaphore(_LONG_AT_ONCE)

    async def analyze(self, remaining: float | None) -> pb.AnalyzeBatchResponse:
        """One result for each text, in order. `remaining` is in seconds; what is not done by then has that error."""
        if remaining is not None:
            self._end = asyncio.get_running_loop().time() + remaining - answer_margin(remaining)
        self._parts = [self._begin(*group) for group in self._grouped()]
        try:
            for part in self._parts:
                await self._add(part)
        finally:
            self._give_up()
        return self._response

    def _give_up(self) -> None:
        """Nothing that is not done will be waited for."""
        self._workers.withdraw(self)
        for part in self._parts:
            if part.work is not None:
                forget(part.work)

    def _grouped(self) -> Iterator[tuple[int, list[str], int]]:
        """Number of the first, texts, cost: neighbours that share a job, and everything else by itself."""
        costs = [self._cost(number, text) for number, text in enumerate(self._texts)]
        most = self._most_in_a_group(sum(costs))
        group: list[str] = []
        cost = 0
        for number, (text, own) in enumerate(zip(self._texts, costs, strict=True)):
            if group and cost + own > most:
                yield number - len(group), group, cost
                group, cost = [], 0
            group.append(text)
            cost += own
        if group:
            yield len(self._texts) - len(group), group, cost

    def _cost(self, number: int, text: str) -> int:
        """Of what is not analysed with others, more than a group may have."""
        if number in self._refused or len(text) > WHOLE:
            return _GROUP + 1
        return self._analysis.cost_of(text)

    def _most_in_a_group(self, total: int) -> int:
        """So much that every worker gets two groups of a small batch."""
        return max(SHORT, min(_GROUP, total // (2 * self._workers.parallel)))

    def _begin(self, first: int, texts: list[str], cost: int) -> _Part:
        if first in self._refused:
            return _Part(first, texts, None, self._refused[first])
        if len(texts[0]) > WHOLE:
            return _Part(first, texts, asyncio.create_task(self._analyze_long(texts[0])))
        return _Part(first, texts, self._analysis.submit(self, texts, cost))

    async def _analyze_long(self, text: str) -> pb.AnalyzeResponse:
        async with self._long:
            return await self._analysis.analyze(text, None)

    async def _add(self, part: _Part) -> None:
        error = await self._outcome(part)
        if isinstance(error, _SHARED_FATE) and len(part.texts) > 1:
            for number, text in enumerate(part.texts, part.first):
                await self._add(self._begin(number, [text], self._analysis.cost_of(text)))
        elif error is not None:
            for number, _ in enumerate(part.texts, part.first):
                self._response.results.add().error.CopyFrom(_item_error(error, number))

    async def _outcome(self, part: _Part) -> SobanError | None:
        """Takes the answer, or tells why there is none."""
        late = DeadlineExceeded("the deadline passed before this text was analysed")
        if part.work is None or (self._late and not part.work.done()):
            return part.refusal or late
        try:
            async with asyncio.timeout_at(self._end):
                self._take(await part.work)
        except TimeoutError:
            self._late = True
            self._give_up()
            return late
        except SobanError as err:
            return err
        return None

    def _take(self, answer: bytes | pb.AnalyzeResponse) -> None:
        if isinstance(answer, bytes):
            self._response.MergeFromString(answer)
        else:
            self._response.results.add().response.CopyFrom(answer)


def _item_error(error: SobanError, number: int) -> pb.ItemError:
    return pb.ItemError(
        code=error.code.value[0],
        reason=error.reason,
        message=error.public_message,
        field=error.field or f"texts[{number}]",
    )
