"""What a worker does: jobs in, encoded analyses out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

import soban.v1 as pb
from soban.tokenization.analysis.job import Flag, Start
from soban.tokenization.analysis.piece import Piece
from soban.tokenization.analysis.plan import Plan
from soban.tokenization.analysis.wire import delimited, float32, keys_of
from soban.tokenization.analysis.writing import FIRST, Before, MorphemeWriter, Words, count_sentences, write_sentences
from soban.tokenization.analyzer import FixedMorpheme, Reading

_PLANS_KEPT = 16
_ANALYSIS = keys_of(pb.AnalyzeResponse)["analyses"]
_SCORE = keys_of(pb.Analysis)["score"]
_RESPONSE = keys_of(pb.AnalyzeResult)["response"]
_RESULT = keys_of(pb.AnalyzeBatchResponse)["results"]


class Reader(Protocol):
    """Reads a text; `Analyzer` is one."""

    def analyze(self, text: str, arguments: dict[str, Any], fixed: Sequence[FixedMorpheme]) -> list[Reading]:
        """The readings, best first."""


class Analyst:
    """Analyses the texts of jobs. Keeps the last plans, as the jobs of one request have the same options."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._writer = MorphemeWriter()
        self._plan = lru_cache(_PLANS_KEPT)(Plan.decode)

    def answer(self, request: pb.AnalyzeBatchRequest, start: Start, flags: Flag) -> bytes:
        """An encoded `AnalyzeBatchResponse` with one result for each text, in order."""
        plan = self._plan(request.options.SerializeToString(deterministic=True), flags)
        analyze = self._analyze_lines if plan.split_lines else self._analyze
        results = [analyze(Piece(text, start, plan), plan) for text in request.texts]
        return b"".join([delimited(_RESULT, delimited(_RESPONSE, result)) for result in results])

    def _analyze(self, piece: Piece, plan: Plan) -> bytes:
        """An encoded `AnalyzeResponse`: its analyses and then all else, which together are one message."""
        readings, words = self._read(piece, plan)
        parts = []
        for tokens, score in readings if plan.morphemes else ():
            morphemes = self._writer.write(tokens, plan.kept(tokens), piece, words, FIRST)
            parts.append(_analysis(morphemes, score))
        if plan.sentences or piece.composed is not None:
            rest = pb.AnalyzeResponse(normalized=piece.composed is not None)
            if plan.sentences:
                write_sentences(readings[0].tokens, piece, rest)
            parts.append(rest.SerializeToString())
        return b"".join(parts)

    def _analyze_lines(self, piece: Piece, plan: Plan) -> bytes:
        """The same, each line read by itself; there is one reading."""
        rest = pb.AnalyzeResponse(normalized=piece.composed is not None)
        before, score, morphemes = FIRST, 0.0, b""
        for line in piece.lines(plan):
            readings, words = self._read(line, plan)
            tokens = readings[0].tokens
            if plan.sentences:
                write_sentences(tokens, line, rest)
            kept = plan.kept(tokens)
            morphemes += self._writer.write(tokens, kept, line, words, before)
            score += readings[0].score
            before = Before(before.morphemes + len(kept), before.sentences + count_sentences(tokens))
        return (_analysis(morphemes, score) if plan.morphemes else b"") + rest.SerializeToString()

    def _read(self, piece: Piece, plan: Plan) -> tuple[list[Reading], Words]:
        """The readings of a text, and the user words in it."""
        if not plan.settles:
            return self._reader.analyze(piece.analysed, plan.arguments, ()), {}
        matches = plan.fixed(piece.text, piece.composed, piece.analysed)
        readings = self._reader.analyze(piece.analysed, plan.arguments, [match.fixed for match in matches])
        return readings, {(fixed.start, fixed.end): word for fixed, word in matches if word is not None}


def _analysis(morphemes: bytes, score: float) -> bytes:
    """An encoded `Analysis`, as a field of the response."""
    return delimited(_ANALYSIS, morphemes + _SCORE + float32(score))
