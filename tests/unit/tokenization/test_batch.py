"""Many texts in one call, with workers in this process."""

from __future__ import annotations

import asyncio

import grpc
import pytest

import soban.v1 as pb
from soban.runtime.errors import EngineLost, Internal, SobanError, TextTooLong
from soban.tokenization.analysis.batch import Batch
from soban.tokenization.analysis.texts import TextAnalysis
from unit.tokenization.fakes import InlineWorkers

SHORT = "오늘은 비가 온다."
LONG = "내일은 눈이 온다고 한다. " * 300


async def analyze(
    workers: InlineWorkers,
    texts: list[str],
    refused: dict[int, SobanError] | None = None,
    remaining: float | None = None,
) -> pb.AnalyzeBatchResponse:
    analysis = TextAnalysis(workers, pb.AnalyzeOptions())
    return await Batch(analysis, workers, texts, refused or {}).analyze(remaining)


def first_forms(response: pb.AnalyzeBatchResponse) -> list[str]:
    return [result.response.analyses[0].morphemes[0].form for result in response.results]


async def test_results_come_in_the_order_of_the_texts() -> None:
    """Short, long, empty, whatever they are."""
    texts = [f"{number}번째 글이다." for number in range(100)]
    texts[7:7] = [LONG, "내일", LONG]
    response = await analyze(InlineWorkers(), texts)
    assert first_forms(response) == [text.split()[0] for text in texts]


async def test_short_texts_share_jobs() -> None:
    """So that each of a few workers gets some, and none too many."""
    workers = InlineWorkers()
    await analyze(workers, [SHORT] * 64)
    assert 2 <= len(workers.jobs) <= 4
    await analyze(workers, [SHORT] * 1_000)
    assert all(cost <= 1_000 for *_, cost in workers.jobs)


async def test_an_empty_text_has_an_empty_result() -> None:
    """It is no error."""
    response = await analyze(InlineWorkers(), ["", SHORT])
    assert [len(result.response.analyses[0].morphemes) for result in response.results] == [0, 3]


async def test_a_refused_text_has_its_error_and_the_others_their_results() -> None:
    """With code, reason and the path of its field."""
    error = TextTooLong("too long", field="texts[1]")
    response = await analyze(InlineWorkers(), [SHORT, "x", SHORT], {1: error})
    assert [result.WhichOneof("result") for result in response.results] == ["response", "error", "response"]
    found = response.results[1].error
    assert (found.code, found.reason, found.field) == (
        grpc.StatusCode.INVALID_ARGUMENT.value[0],
        "TEXT_TOO_LONG",
        "texts[1]",
    )


@pytest.mark.parametrize("error", [EngineLost("gone"), Internal("broken")])
async def test_a_text_that_kills_a_worker_harms_no_other(error: SobanError) -> None:
    """Its neighbours are done again without it."""

    def kill(texts: list[str]) -> bool:
        if "독" in texts:
            raise error
        return True

    response = await analyze(InlineWorkers(before=kill), [SHORT, "독", SHORT])
    assert [result.WhichOneof("result") for result in response.results] == ["response", "error", "response"]
    assert response.results[1].error.reason == error.reason
    assert response.results[1].error.field == "texts[1]"
    assert "broken" not in response.results[1].error.message


async def test_time_that_runs_out_is_the_error_of_what_is_not_done() -> None:
    """What is done stays."""
    workers = InlineWorkers(before=lambda texts: texts[0] == SHORT)
    response = await analyze(workers, [SHORT, LONG, LONG], remaining=0.2)
    assert [result.WhichOneof("result") for result in response.results] == ["response", "error", "error"]
    assert response.results[1].error.reason == "DEADLINE_EXCEEDED"
    await asyncio.sleep(0.01)
    assert all(future.done() for future in workers.futures)


async def test_a_caller_that_leaves_takes_its_jobs_along() -> None:
    """All of them."""
    workers = InlineWorkers(before=lambda _: False)
    task = asyncio.create_task(analyze(workers, [SHORT] * 200 + [LONG]))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.01)
    assert workers.withdrawn
    assert all(future.cancelled() for future in workers.futures)


async def test_only_some_long_texts_are_cut_at_a_time() -> None:
    """However many a batch has."""
    workers = InlineWorkers(before=lambda _: False)
    response = await analyze(workers, [LONG] * 50, remaining=0.2)
    assert {result.error.reason for result in response.results} == {"DEADLINE_EXCEEDED"}
    assert len(workers.jobs) <= 4 * 8
