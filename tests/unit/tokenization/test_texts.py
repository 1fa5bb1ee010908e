"""Texts of any length, cut, analysed and put together, with workers in this process."""

from __future__ import annotations

import asyncio

import pytest

import soban.v1 as pb
from soban.runtime.errors import DeadlineExceeded, EngineLost
from soban.tokenization.analysis.cost import WHOLE
from soban.tokenization.analysis.job import Flag
from soban.tokenization.analysis.texts import TextAnalysis
from unit.tokenization.fakes import InlineWorkers

LINES = "".join(f"{number}번째 줄에는 이런저런 이야기가 적혀 있다.\n" for number in range(400))
ENDLESS = "그리고 나서 또 다른 이야기가 이어지고 " * 400 + "끝났다. 다음 문장."


def analysis(workers: InlineWorkers, **options: object) -> TextAnalysis:
    return TextAnalysis(workers, pb.AnalyzeOptions(**options))


async def test_a_text_of_usual_length_is_one_job() -> None:
    """With what it costs, and nothing else asked for."""
    workers = InlineWorkers()
    response = await analysis(workers).analyze("비가 온다.", None)
    assert [morpheme.form for morpheme in response.analyses[0].morphemes] == ["비가", "온다."]
    assert workers.jobs == [(["비가 온다."], (0, 0, 0), Flag.NONE, 6)]


@pytest.mark.parametrize("unit", [pb.OFFSET_UNIT_CODE_POINT, pb.OFFSET_UNIT_UTF8_BYTE, pb.OFFSET_UNIT_UTF16_UNIT])
@pytest.mark.parametrize("text", [LINES, ENDLESS, "😀 " + LINES])
async def test_a_long_text_reads_as_if_it_were_whole(text: str, unit: pb.OffsetUnit.ValueType) -> None:
    """The same morphemes, numbers, spans and sentences as in one call."""
    options = pb.AnalyzeOptions(sentences=True, offset_unit=unit)
    workers = InlineWorkers()
    response = await TextAnalysis(workers, options).analyze(text, 60.0)
    answer = await InlineWorkers().submit(None, TextAnalysis(workers, options)._encoded.job([text]), 1)
    whole = pb.AnalyzeBatchResponse.FromString(answer).results[0].response
    assert all(len(texts[0]) <= WHOLE for texts, *_ in workers.jobs)
    assert len(workers.jobs) > 3
    assert response == whole


async def test_sentences_are_only_returned_when_asked_for() -> None:
    """The slices have them in any case, to number the morphemes."""
    response = await analysis(InlineWorkers()).analyze(LINES, None)
    assert not response.sentences
    assert response.analyses[0].morphemes[-1].sentence_index == 399


async def test_a_slice_that_goes_on_is_not_pressed_into_an_ending() -> None:
    """Only the last one ends as the text does."""
    workers = InlineWorkers()
    await analysis(workers).analyze(ENDLESS, None)
    *inner, last = [bool(flags & Flag.OPEN_ENDING) for _, _, flags, _ in workers.jobs]
    assert all(inner)
    assert not last


async def test_time_that_runs_out_leaves_what_is_done() -> None:
    """And says where to go on; what no worker has yet is taken back."""
    workers = InlineWorkers(before=lambda texts: len(workers.jobs) <= 2)
    response = await analysis(workers, offset_unit=pb.OFFSET_UNIT_UTF8_BYTE).analyze(LINES, 0.2)
    done = len(LINES.encode()[: response.next_offset].decode().splitlines())
    assert 0 < response.next_offset < len(LINES.encode())
    assert response.analyses[0].morphemes[-1].line_index == done - 1
    assert len(workers.withdrawn) == 1
    assert all(future.done() for future in workers.futures)


async def test_time_that_runs_out_before_anything_is_done_is_an_error() -> None:
    """There is nothing to answer."""
    with pytest.raises(DeadlineExceeded):
        await analysis(InlineWorkers(before=lambda _: False)).analyze(LINES, 0.1)


async def test_a_caller_that_leaves_takes_its_jobs_along() -> None:
    """Neither the waiting ones nor those on their way are kept."""
    workers = InlineWorkers(before=lambda _: False)
    task = asyncio.create_task(analysis(workers).analyze(LINES, None))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert workers.withdrawn
    assert all(future.cancelled() for future in workers.futures)


async def test_only_some_slices_are_on_their_way_at_a_time() -> None:
    """However long the text."""
    workers = InlineWorkers(before=lambda _: False)
    with pytest.raises(DeadlineExceeded):
        await analysis(workers).analyze(LINES * 20, 0.1)
    assert len(workers.jobs) == 8


async def test_a_lost_worker_is_an_error() -> None:
    """Of the whole text."""

    def lose(_: list[str]) -> bool:
        raise EngineLost("gone")

    with pytest.raises(EngineLost):
        await analysis(InlineWorkers(before=lose)).analyze(LINES, None)


async def test_options_make_a_text_dearer() -> None:
    """As does a run without spaces."""
    plain, typos, several = (
        analysis(InlineWorkers(), **options)
        for options in ({}, {"typo_tolerance": pb.TYPO_TOLERANCE_ALL}, {"top_n": 10})
    )
    text = "오늘은 비가 온다"
    assert plain.cost_of(text) == len(text)
    assert typos.cost_of(text) > plain.cost_of(text)
    assert several.cost_of(text) == 10 * plain.cost_of(text)
    assert plain.cost_of("가" * 100) > 100
    assert plain.cost_of("") == 1
