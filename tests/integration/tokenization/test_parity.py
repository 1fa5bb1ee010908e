"""The service reads as Kiwi does in this process: every field, alone and in batches, in every unit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import soban.v1 as pb
from integration.tokenization.sentences import expected, sentences
from soban.tokenization.analyzer import Analyzer, arguments_of
from soban.tokenization.offsets import offset_table

UNITS = (pb.OFFSET_UNIT_CODE_POINT, pb.OFFSET_UNIT_UTF8_BYTE, pb.OFFSET_UNIT_UTF16_UNIT)


@pytest.fixture(scope="session")
def morphemes(analyzer: Analyzer) -> list[tuple[str, list[pb.Morpheme]]]:
    """Each sentence with its morphemes."""
    arguments = arguments_of(pb.AnalyzeOptions())
    return [(text, expected(text, list(analyzer.analyze(text, arguments)[0].tokens))) for text in sentences()]


async def test_single_calls(stub: Any, morphemes: list[tuple[str, list[pb.Morpheme]]]) -> None:
    """Sixteen at a time."""
    limit = asyncio.Semaphore(16)

    async def ask(text: str) -> pb.AnalyzeResponse:
        async with limit:
            answer: pb.AnalyzeResponse = await stub.Analyze(pb.AnalyzeRequest(text=text), timeout=30)
            return answer

    answers = await asyncio.gather(*(ask(text) for text, _ in morphemes))
    assert len(answers) > 500
    for (_, wanted), answer in zip(morphemes, answers, strict=True):
        assert list(answer.analyses[0].morphemes) == wanted


@pytest.mark.parametrize("unit", UNITS)
async def test_batches(stub: Any, morphemes: list[tuple[str, list[pb.Morpheme]]], unit: int) -> None:
    """All at once."""
    request = pb.AnalyzeBatchRequest(texts=[text for text, _ in morphemes], options=pb.AnalyzeOptions(offset_unit=unit))
    answer = await stub.AnalyzeBatch(request, timeout=60)
    assert answer.offset_unit == unit
    for (text, wanted), result in zip(morphemes, answer.results, strict=True):
        table = offset_table(text, unit)
        spans = [(table[morpheme.span.start], table[morpheme.span.end]) for morpheme in wanted]
        found = result.response.analyses[0].morphemes
        assert [(morpheme.span.start, morpheme.span.end) for morpheme in found] == spans
        assert [(m.form, m.tag, m.surface) for m in found] == [(m.form, m.tag, m.surface) for m in wanted]


async def test_sentences(stub: Any, analyzer: Analyzer) -> None:
    """Where Kiwi ends them."""
    text = " ".join(sentences()[:60])
    kiwis = analyzer._kiwi.split_into_sents(text)
    found = (await stub.SplitSentences(pb.SplitSentencesRequest(text=text, nested=True), timeout=30)).sentences
    assert [(s.text, s.span.start, s.span.end) for s in found] == [(s.text, s.start, s.end) for s in kiwis]
    assert [[nested.text for nested in s.nested] for s in found] == [[sub.text for sub in s.subs] for s in kiwis]


async def test_a_long_text_has_the_morphemes_of_its_lines(stub: Any, analyzer: Analyzer) -> None:
    """It is cut at line breaks, and no cut leaves a trace in numbers and spans."""
    lines = [text.replace("\n", " ").replace("\r", "") for text in sentences()[20:]] * 2
    text = "\n".join(lines)
    response = await stub.Analyze(pb.AnalyzeRequest(text=text, options=pb.AnalyzeOptions(split_lines=True)), timeout=60)
    (found,) = [list(analysis.morphemes) for analysis in response.analyses]
    arguments = arguments_of(pb.AnalyzeOptions())
    wanted = [token for line in lines for token in analyzer.analyze(line, arguments)[0].tokens]
    assert [(m.form, m.tag.split("-")[0]) for m in found] == [(t.form, t.tag.split("-")[0]) for t in wanted]
    assert all(text[m.span.start : m.span.end] == m.surface for m in found)
    assert [m.line_index for m in found] == [text.count("\n", 0, m.span.start) for m in found]
    assert [m.eojeol_index for m in found] == [len(text[: m.span.start + 1].split()) - 1 for m in found]
    assert [m.sentence_index for m in found] == sorted(m.sentence_index for m in found)
    assert not response.HasField("next_offset")
