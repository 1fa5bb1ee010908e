"""The analyses of the slices of a text as one analysis."""

from __future__ import annotations

import soban.v1 as pb
from soban.tokenization.analysis.slicing import Slice
from soban.tokenization.offsets import code_point_at, code_points


class Merger:
    """Takes the slices' analyses in order and builds `response`.

    Each has one reading at most, and its sentences; spans, eojeol and lines are those of the whole text already. A
    sentence that a cut went through is made whole again.
    """

    def __init__(self, text: str, unit: pb.OffsetUnit.ValueType, response: pb.AnalyzeResponse) -> None:
        self.response = response
        self._text = text
        self._unit = unit
        self._open: tuple[int, int] | None = None
        """Range, in code points, of the last sentence, when the cut after it went through it."""

    def add(self, part: pb.AnalyzeResponse, piece: Slice, base: int) -> None:
        """Appends the analysis of `piece`, which begins at offset `base` of the text."""
        whole = self.response
        joins = self._open is not None and bool(part.sentences)
        for analysis in part.analyses:
            self._append(analysis, len(whole.sentences) - joins)
        whole.normalized = whole.normalized or part.normalized
        if part.sentences:
            self._add_sentences(part, piece, base)

    def finish(self, *, sentences: bool) -> None:
        """Nothing more comes. Without `sentences` they are left out."""
        self._close()
        if not sentences:
            self.response.ClearField("sentences")

    def _add_sentences(self, part: pb.AnalyzeResponse, piece: Slice, base: int) -> None:
        rest = list(part.sentences)
        if self._open is not None:
            joined, last = rest.pop(0), self.response.sentences[-1]
            last.span.end = joined.span.end
            last.nested.MergeFrom(joined.nested)
            self._open = self._open[0], self._range(joined, piece, base)[1]
        if rest:
            self._close()
            self.response.sentences.extend(rest)
            self._open = self._range(rest[-1], piece, base) if piece.inside else None
        if not piece.inside:
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            start, end = self._open
            self.response.sentences[-1].text = self._text[start:end]
            self._open = None

    def _range(self, sentence: pb.Sentence, piece: Slice, base: int) -> tuple[int, int]:
        """In code points of the whole text."""
        places = code_points(self._text[piece.start : piece.end], self._unit)
        start, end = (code_point_at(places, at - base) or 0 for at in (sentence.span.start, sentence.span.end))
        return piece.start + start, piece.start + end

    def _append(self, analysis: pb.Analysis, sentences: int) -> None:
        whole = self.response.analyses[0] if self.response.analyses else self.response.analyses.add()
        if before := len(whole.morphemes):
            for morpheme in analysis.morphemes:
                morpheme.sentence_index += sentences
                if morpheme.HasField("pair_index"):
                    morpheme.pair_index += before
        whole.morphemes.MergeFrom(analysis.morphemes)
        whole.score += analysis.score
