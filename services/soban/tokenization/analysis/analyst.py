"""What a worker does: jobs in, analyses out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import soban.v1 as pb
from soban.tokenization.analysis.job import Flag, Start
from soban.tokenization.analysis.piece import Piece
from soban.tokenization.analysis.plan import Plan
from soban.tokenization.analysis.writing import count_sentences, write_morphemes, write_sentences
from soban.tokenization.analyzer import FixedMorpheme, Reading

_PLANS_KEPT = 16


class Reader(Protocol):
    """Reads a text; `Analyzer` is one."""

    def analyze(self, text: str, arguments: dict[str, Any], fixed: Sequence[FixedMorpheme]) -> list[Reading]:
        """The readings, best first."""


class Analyst:
    """Analyses the texts of jobs. Keeps the last plans, as the jobs of one request have the same options."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._plan = lru_cache(_PLANS_KEPT)(Plan.decode)

    def answer(self, request: pb.AnalyzeBatchRequest, start: Start, flags: Flag) -> pb.AnalyzeBatchResponse:
        """One result for each text, in order."""
        plan = self._plan(request.options.SerializeToString(deterministic=True), flags)
        response = pb.AnalyzeBatchResponse()
        for text in request.texts:
            self._analyze(Piece(text, start, plan), plan, response.results.add().response)
        return response

    def _analyze(self, piece: Piece, plan: Plan, response: pb.AnalyzeResponse) -> None:
        sentences = 0
        for part in piece.lines(plan) if plan.split_lines else (piece,):
            sentences += self._read(part, plan, response, sentences)
        response.normalized = piece.composed is not None

    def _read(self, piece: Piece, plan: Plan, response: pb.AnalyzeResponse, sentences: int) -> int:
        """Adds the readings of `piece`, which come after so many sentences; tells how many sentences it has."""
        matches = plan.fixed(piece.text, piece.composed, piece.analysed)
        readings = self._reader.analyze(piece.analysed, plan.arguments, [match.fixed for match in matches])
        words = {(fixed.start, fixed.end): word for fixed, word in matches if word is not None}
        for number, reading in enumerate(readings if plan.morphemes else ()):
            analysis = response.analyses[number] if number < len(response.analyses) else response.analyses.add()
            analysis.score += reading.score
            kept = plan.kept(reading.tokens)
            write_morphemes(reading.tokens, kept, piece, analysis, words=words, sentences=sentences)
        best = readings[0].tokens
        if plan.sentences:
            write_sentences(best, piece, response)
        return count_sentences(best)
