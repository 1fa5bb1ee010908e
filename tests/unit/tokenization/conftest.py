"""Fixtures: Kiwi, loaded once a session, and what stands on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import soban.v1 as pb
from soban.tokenization.analysis.analyst import Analyst
from soban.tokenization.analysis.job import BEGIN, Flag, Start
from soban.tokenization.analyzer import Analyzer

Analyze = Callable[..., pb.AnalyzeResponse]


@pytest.fixture(scope="session")
def analyzer() -> Analyzer:
    return Analyzer.load()


@pytest.fixture(scope="session")
def analyst(analyzer: Analyzer) -> Analyst:
    return Analyst(analyzer)


@pytest.fixture(scope="session")
def analyze(analyst: Analyst) -> Analyze:
    """Analyses one text with options given by name."""

    def analyze(text: str, *, start: Start = BEGIN, flags: Flag = Flag.NONE, **options: object) -> pb.AnalyzeResponse:
        request = pb.AnalyzeBatchRequest(texts=[text], options=pb.AnalyzeOptions(**options))
        (result,) = pb.AnalyzeBatchResponse.FromString(analyst.answer(request, start, flags)).results
        return result.response

    return analyze


def shown(response: pb.AnalyzeResponse) -> list[str]:
    """Form and tag of each morpheme of the best reading."""
    return [f"{morpheme.form}/{morpheme.tag}" for morpheme in response.analyses[0].morphemes]
