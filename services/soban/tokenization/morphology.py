"""Morphological analysis as the service offers it: valid requests in, whole answers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import soban.v1 as pb
from soban.runtime.errors import DeadlineExceeded, SobanError
from soban.tokenization.analysis.batch import Batch
from soban.tokenization.analysis.job import Flag
from soban.tokenization.analysis.texts import TextAnalysis, Workers


class Morphology:
    """Analyses by the workers; every answer says what produced it. `remaining` is always in seconds."""

    def __init__(self, workers: Workers, versions: pb.MorphologyVersions) -> None:
        self._workers = workers
        self._versions = versions

    async def analyze(self, text: str, options: pb.AnalyzeOptions, remaining: float | None) -> pb.AnalyzeResponse:
        """Readings of one text. Raises DeadlineExceeded, QueueFull, EngineLost and Internal."""
        analysis = TextAnalysis(self._workers, options)
        response = await analysis.analyze(text, remaining)
        response.versions.CopyFrom(self._versions)
        response.offset_unit = analysis.unit
        return response

    async def analyze_batch(
        self,
        texts: Sequence[str],
        refused: Mapping[int, SobanError],
        options: pb.AnalyzeOptions,
        remaining: float | None,
    ) -> pb.AnalyzeBatchResponse:
        """One result for each text; those in `refused`, by number, have that error."""
        analysis = TextAnalysis(self._workers, options)
        response = await Batch(analysis, self._workers, texts, refused).analyze(remaining)
        response.versions.CopyFrom(self._versions)
        response.offset_unit = analysis.unit
        return response

    async def split_sentences(
        self, request: pb.SplitSentencesRequest, remaining: float | None
    ) -> pb.SplitSentencesResponse:
        """Sentences of one text, all of them. Raises DeadlineExceeded, QueueFull, EngineLost and Internal."""
        options = pb.AnalyzeOptions(
            offset_unit=request.offset_unit,
            split_lines=request.split_lines,
            normalize_coda=request.normalize_coda,
            sentences=True,
        )
        analysis = TextAnalysis(self._workers, options, Flag.SENTENCES_ONLY)
        found = await analysis.analyze(text=request.text, remaining=remaining)
        if found.HasField("next_offset"):
            raise DeadlineExceeded("the deadline passed before all sentences were found")
        response = pb.SplitSentencesResponse(versions=self._versions, offset_unit=analysis.unit)
        response.sentences.MergeFrom(found.sentences)
        if not request.nested:
            for sentence in response.sentences:
                sentence.ClearField("nested")
        return response
