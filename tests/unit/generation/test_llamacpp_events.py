"""Recorded llama.cpp streams as pieces of an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.generation.engine import Finished, Piece, Usage
from soban.generation.engines.llamacpp_errors import error_of
from soban.generation.engines.llamacpp_events import LlamaCppAnswer
from soban.generation.engines.sse import SseParser
from soban.runtime.errors import EngineFailed, EngineLost, EngineOverloaded
from unit.generation import recorded
from unit.generation.conftest import ask
from unit.generation.cutting import pieces_of


def read(stream: bytes, request: pb.GenerateRequest | None = None, cuts: list[int] | None = None) -> list[Piece]:
    """The pieces of a stream that is cut at `cuts`, as the adapter reads it; the last two are the rest and the end."""
    answer, parser = LlamaCppAnswer(request or ask(), error_of), SseParser()
    pieces = []
    for part in pieces_of(stream, cuts or []):
        for data in parser.feed(part):
            answer.take(data)
            if answer.ended:
                break
        pieces.append(answer.piece())
        if answer.ended:
            break
    pieces.append(answer.rest())
    return [piece for piece in pieces if piece is not None]


def finished(stream: bytes, request: pb.GenerateRequest | None = None) -> Finished:
    answer = LlamaCppAnswer(request or ask(), error_of)
    for data in SseParser().feed(stream):
        answer.take(data)
        if answer.ended:
            break
    answer.rest()
    return answer.finished()


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


@given(st.lists(st.integers(0, 3000), max_size=15))
def test_the_text_does_not_depend_on_how_bytes_arrive(cuts: list[int]) -> None:
    """Nor do the tokens."""
    pieces = read(recorded.chat("그", "건", "을", " 드셔", " 보세요", " 🍚"), cuts=cuts)
    assert text_of(pieces) == "그건을 드셔 보세요 🍚"
    assert sum(piece.tokens for piece in pieces) == 6


def test_usage_is_the_engines_own() -> None:
    """The end token of the model counts, cached tokens are part of the input."""
    assert finished(recorded.chat("네", ".")) == Finished(pb.FINISH_REASON_STOP, Usage(35, 3, 24, 0))


def test_a_piece_tells_how_many_tokens_it_stands_for() -> None:
    """A syllable of three byte tokens comes as one event."""
    stream = recorded.ROLE + recorded.delta("안", 3) + recorded.delta("녕", 6)
    assert [piece.tokens for piece in read(stream, cuts=[len(recorded.ROLE + recorded.delta("안", 3))])] == [3, 3]


def test_a_text_completion_reads_like_a_chat() -> None:
    """`text` in place of `delta`, and the usage in the last event."""
    stream = recorded.completion(" 서울", "입니다")
    assert text_of(read(stream)) == " 서울입니다"
    assert finished(stream) == Finished(pb.FINISH_REASON_LENGTH, Usage(5, 2, 4, 0))


def test_reasoning_comes_apart_from_the_text() -> None:
    """And its tokens are counted."""
    stream = (
        recorded.delta({"reasoning_content": "생각해 보면"}, 2) + recorded.delta("네.", 3) + recorded.finish("stop")
    )
    pieces = read(stream)
    assert [(piece.reasoning, piece.text) for piece in pieces] == [("생각해 보면", "네.")]
    assert finished(stream).usage.reasoning_tokens == 2


def test_a_stop_text_ends_the_answer_and_tells_the_usage_until_then() -> None:
    """Across events; what comes after it is not read."""
    stream = recorded.chat("서울", "은", " 수", "도", "이다")
    request = ask(stop=["은 수도", "부산"])
    assert text_of(read(stream, request)) == "서울"
    assert finished(stream, request) == Finished(pb.FINISH_REASON_STOP, Usage(35, 4, 24, 0), "은 수도")


def test_text_that_only_began_like_a_stop_text_is_not_lost_at_the_limit() -> None:
    """llama.cpp itself loses it."""
    stream = recorded.chat("서울", "은", reason="length", eos=0)
    assert text_of(read(stream, ask(stop=["은 수도"]))) == "서울은"


def test_a_syllable_that_the_limit_cut_is_left_out() -> None:
    """Some engines send it as U+FFFD."""
    assert text_of(read(recorded.chat("안녕하", "\ufffd", reason="length"))) == "안녕하"


def test_logprobs_carry_bytes_ids_and_as_many_alternatives_as_asked() -> None:
    """llama.cpp sends at least one."""
    stream = recorded.delta(" Seoul", 1, logprobs=recorded.SEOUL_LOGPROB)
    (piece,) = read(stream, ask(logprobs=True, top_logprobs=2))
    (told,) = piece.logprobs
    assert (told.token, told.bytes, told.token_id) == (" Seoul", b" Seoul", 39903)
    assert told.logprob == pytest.approx(-0.3129, abs=1e-4)
    assert [top.token for top in told.top] == [" Seoul", " Py"]
    (without,) = read(stream, ask(logprobs=True))
    assert not without.logprobs[0].top


def test_tool_calls_come_in_pieces() -> None:
    """Id and name with the first."""
    pieces = read(recorded.TOOL_CALL, cuts=[len(recorded.ROLE) + 500])
    deltas = [delta for piece in pieces for delta in piece.tool_calls]
    assert [(delta.id, delta.name) for delta in deltas] == [("tt1iiGPjbbz5LhHLf", "weather"), *[("", "")] * 3]
    assert "".join(delta.arguments for delta in deltas) == '{"city":"서울"}'
    assert finished(recorded.TOOL_CALL).reason == pb.FINISH_REASON_TOOL_CALLS


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"choices":[7]}',
        b'{"choices":[{"delta":{"content":7},"finish_reason":null}]}',
        b'{"choices":[{"delta":{},"finish_reason":"because"}]}',
        b'{"no":"choices"}',
        b"[" * 100_000,
    ],
)
def test_an_event_that_makes_no_sense_is_an_error(data: bytes) -> None:
    """Its message quotes nothing of it."""
    with pytest.raises(EngineFailed, match="makes no sense") as caught:
        LlamaCppAnswer(ask(), error_of).take(data)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("data", "error"), [(recorded.COMPUTE_ERROR, EngineFailed), (recorded.CONTEXT_FULL, EngineOverloaded)]
)
def test_an_error_in_the_stream_is_that_error(data: bytes, error: type[Exception]) -> None:
    """llama.cpp sends them with status 200 once the stream has begun."""
    with pytest.raises(error):
        LlamaCppAnswer(ask(), error_of).take(data)


@pytest.mark.parametrize("stream", [b"", recorded.ROLE, recorded.ROLE + recorded.delta("네", 1), recorded.DONE])
def test_a_stream_without_its_end_was_cut_off(stream: bytes) -> None:
    """Whatever text it had."""
    with pytest.raises(EngineLost, match="before the answer"):
        finished(stream)
