"""Stand-ins: workers that are in this process, a reader that finds eojeol, a link that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import soban.v1 as pb
from soban.runtime.errors import SobanError
from soban.tokenization.analysis.analyst import Analyst
from soban.tokenization.analysis.job import JOB_HEADER, Flag, Job, Start
from soban.tokenization.analyzer import FixedMorpheme, Reading


@dataclass
class Eojeol:
    """A token for each eojeol, all of one sentence up to a word that ends in a full stop."""

    form: str
    start: int
    end: int
    sent_position: int
    line_number: int = 0
    tag: str = "NNG"
    score: float = -1.0
    typo_cost: float = 0.0
    sense: int = 0
    oov: bool = False
    regularity: bool | None = None
    sub_sent_position: int = 0
    paired_token: int = -1

    @property
    def lemma(self) -> str:
        return self.form


class EojeolReader:
    """Reads every eojeol as a noun, and remembers what it was given."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.arguments: list[dict[str, Any]] = []

    def analyze(self, text: str, arguments: dict[str, Any], fixed: Sequence[FixedMorpheme]) -> list[Reading]:
        self.seen.append(text)
        self.arguments.append(arguments)
        tokens: list[Any] = []
        at = sentence = 0
        for word in text.split():
            at = text.index(word, at)
            tokens.append(Eojeol(word, at, at + len(word), sentence, text.count("\n", 0, at)))
            at += len(word)
            sentence += word.endswith(".")
        return [Reading(tokens, -float(len(tokens)))]


@dataclass
class InlineWorkers:
    """Does jobs at once in this process, except that `before` may raise, or return False to leave the job undone."""

    before: Callable[[list[str]], bool] = lambda _: True
    parallel: int = 2
    reader: EojeolReader = field(default_factory=EojeolReader)
    jobs: list[tuple[list[str], Start, Flag, int]] = field(default_factory=list)
    withdrawn: list[Hashable] = field(default_factory=list)
    futures: list[asyncio.Future[bytes]] = field(default_factory=list)

    def submit(self, caller: Hashable, job: Job, cost: int) -> asyncio.Future[bytes]:
        frame = job.frame()
        size, offset, eojeol, line, flags = JOB_HEADER.unpack_from(frame)
        request = pb.AnalyzeBatchRequest.FromString(frame[JOB_HEADER.size : JOB_HEADER.size + size])
        texts, start = list(request.texts), Start(offset, eojeol, line)
        self.jobs.append((texts, start, Flag(flags), cost))
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.futures.append(future)
        try:
            if self.before(texts):
                future.set_result(Analyst(self.reader).answer(request, start, Flag(flags)))
        except SobanError as err:
            future.set_exception(err)
        return future

    def withdraw(self, caller: Hashable) -> None:
        self.withdrawn.append(caller)
