"""TGI's native stream, event by event: however its bytes are cut, and with what no TGI should send."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import soban.v1 as pb
from soban.generation.engine import Finished, Piece, Usage
from soban.generation.engines.http import Reply
from soban.generation.engines.sse import SseParser
from soban.generation.engines.tgi_events import ChatAnswer, IdText, NativeAnswer, ServerText
from soban.generation.engines.tgi_vocabulary import load_vocabulary
from soban.runtime.errors import EngineFailed, EngineLost, NotBuilt
from unit.generation.conftest import ask
from unit.generation.cutting import pieces_of
from unit.generation.engines.fakes import tgi_wire as wire
from unit.generation.engines.fakes.vocabularies import BUNDLED
from unit.tokenization.korean import texts

VOCABULARY = load_vocabulary("ko", str(BUNDLED))
SETTING = "models.ko.tokenizer"
EOS = 1


def stream_of(ids: Sequence[int], *, reason: str = "eos_token", comment: bool = True) -> bytes:
    """As the llama.cpp backend writes it: the text of each token is what the token alone decodes to."""
    data = wire.COMMENT if comment else b""
    for index, number in enumerate(ids, 1):
        text = VOCABULARY.bytes_of(number).decode(errors="replace")
        told = wire.token(index, number, text, special=number == EOS)
        if index == len(ids):
            told |= {"generated_text": "\ufffd", "details": wire.details(reason, index, 3, 5)}
        data += wire.event(told)
    return data


def answer(request: pb.GenerateRequest | None = None, **given: Any) -> NativeAnswer:
    return NativeAnswer(request or ask(), IdText(VOCABULARY, SETTING), **given)


def read(reply: Reply, parts: Sequence[bytes]) -> list[Piece]:
    """Pieces as they come, each part of the stream read by itself."""
    parser, pieces = SseParser(), []
    for part in parts:
        for data in parser.feed(part):
            if not reply.ended:
                reply.take(data)
        pieces.append(reply.piece())
    pieces.append(reply.rest())
    return [piece for piece in pieces if piece is not None]


@given(text=texts, cuts=st.lists(st.integers(0, 4000), max_size=12))
@settings(max_examples=100, deadline=None)
def test_any_text_comes_whole_however_its_bytes_are_cut(text: str, cuts: list[int]) -> None:
    """No U+FFFD, no half syllable, nothing twice; every token counted."""
    ids = [*VOCABULARY.ids(text.replace("<|", "")), EOS]
    expected = b"".join(map(VOCABULARY.bytes_of, ids[:-1])).decode()
    reply = answer(input_tokens=5)
    pieces = read(reply, pieces_of(stream_of(ids), cuts))
    assert "".join(piece.text for piece in pieces) == expected.replace("\ufffd", "")
    assert all("\ufffd" not in piece.text for piece in pieces)
    assert reply.finished() == Finished(pb.FINISH_REASON_STOP, Usage(5, len(ids)))
    assert sum(piece.tokens for piece in pieces) <= len(ids)


@given(text=st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=20), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_limit_at_any_token_cuts_no_syllable(text: str, data: st.DataObject) -> None:
    """The begin of the text, in whole syllables."""
    ids = VOCABULARY.ids(text)
    most = data.draw(st.integers(1, len(ids)))
    reply = answer()
    shown = "".join(piece.text for piece in read(reply, [stream_of(ids[:most], reason="length")]))
    assert text.startswith(shown)
    whole = b"".join(map(VOCABULARY.bytes_of, ids[:most])).decode(errors="ignore")
    assert shown == whole
    assert reply.finished().reason == pb.FINISH_REASON_LENGTH


@given(text=texts, stop=st.text(max_size=3), cuts=st.lists(st.integers(0, 4000), max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_stop_text_ends_the_same_wherever_it_lies(text: str, stop: str, cuts: list[int]) -> None:
    """Across tokens, events and bytes."""
    text = text.replace("<|", "").replace("\ufffd", "")
    ids = [*VOCABULARY.ids(text), EOS]
    whole = answer(ask(stop=[stop] if stop else []))
    cut = answer(ask(stop=[stop] if stop else []))
    one = "".join(piece.text for piece in read(whole, [stream_of(ids)]))
    assert one == "".join(piece.text for piece in read(cut, pieces_of(stream_of(ids), cuts)))
    assert not stop or stop not in one


def test_a_server_without_details_tells_the_end_all_the_same() -> None:
    """By its end token, or by ending without one."""
    for last, reason in ((EOS, pb.FINISH_REASON_STOP), (VOCABULARY.ids("밥")[0], pb.FINISH_REASON_LENGTH)):
        reply = answer()
        read(reply, [wire.event({**wire.token(1, last, "", special=last == EOS), "generated_text": ""})])
        assert reply.finished() == Finished(reason, Usage(0, 1))


def test_a_stray_done_ends_nothing_that_was_not_finished() -> None:
    """Gateways add it."""
    reply = answer()
    read(reply, [wire.event(wire.token(1, 300, "")), wire.DONE])
    assert reply.ended
    with pytest.raises(EngineLost):
        reply.finished()


@pytest.mark.parametrize(
    "event",
    [
        b"{not json}",
        b"[]",
        b"{}",
        b'{"token":{}}',
        b'{"token":{"id":"1","text":"a","logprob":0,"special":false}}',
        b'{"token":{"id":300,"text":"a","logprob":0,"special":false},"generated_text":"a","details":{"finish_reason":"x"}}',
        b'{"token":{"id":99999999,"text":"a","logprob":0,"special":false}}',
        b"\xff\xfe",
        b'{"error":',
    ],
)
def test_events_that_make_no_sense_are_errors(event: bytes) -> None:
    """Without their text in the error."""
    with pytest.raises(EngineFailed) as caught:
        answer().take(event)
    assert caught.value.__cause__ is None


def test_a_probability_of_zero_has_a_logarithm() -> None:
    """TGI writes null for it."""
    reply = answer(ask(logprobs=True))
    (piece,) = read(reply, [wire.event(wire.token(1, VOCABULARY.ids("밥")[0], "밥", logprob=None))])
    assert piece.logprobs[0].logprob == -9999.0


def test_text_of_the_server_is_taken_where_no_vocabulary_is_at_hand() -> None:
    """Until something follows a U+FFFD: at the end of an answer it is a character that was cut."""
    reply = NativeAnswer(ask(logprobs=True), ServerText(SETTING))
    (piece,) = read(reply, [wire.event(wire.token(1, 1, "밥", special=False))])
    assert (piece.text, piece.logprobs[0].bytes.decode()) == ("밥", "밥")
    reply.take(json.dumps(wire.token(2, 2, " \ufffd")).encode())
    assert [piece.text for piece in (reply.piece(),) if piece] == [" "]
    with pytest.raises(NotBuilt, match="tokenizer"):
        reply.take(json.dumps(wire.token(3, 3, "\ufffd")).encode())


@pytest.mark.parametrize("text", ["\ufffd니다", "밥\ufffd 있"])
def test_a_hole_inside_a_token_is_no_cut_character(text: str) -> None:
    """Some servers write what follows it into the same token."""
    with pytest.raises(NotBuilt):
        NativeAnswer(ask(), ServerText(SETTING)).take(json.dumps(wire.token(1, 1, text)).encode())


def test_open_jamo_are_held_until_the_syllable_is_whole() -> None:
    """A model may write decomposed text."""
    decomposed = "\u1112\u1161\u11ab"
    ids = VOCABULARY.ids(decomposed)
    pieces = read(answer(), [*(wire.event(wire.token(at, number, "")) for at, number in enumerate(ids, 1))])
    assert [piece.text for piece in pieces] == [decomposed]


@pytest.mark.parametrize("written", ["\ufffd", "\\ufffd"])
@pytest.mark.parametrize("after", ["\ufffd", "밥"])
def test_broken_chats_are_never_shown(written: str, after: str) -> None:
    """However JSON writes it, and whatever comes after the hole."""
    chunk = json.dumps(wire.chunk("tgi", [wire.choice("X")])).replace("X", written).encode()
    reply = ChatAnswer(ask(), SETTING)
    reply.take(chunk)
    assert reply.piece() is None
    with pytest.raises(NotBuilt):
        reply.take(json.dumps(wire.chunk("tgi", [wire.choice(after)])).encode())


def test_a_chat_may_end_in_the_middle_of_a_character() -> None:
    """What comes after the last text is no text."""
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    chunks = [wire.chunk("tgi", [wire.choice("네")]), wire.chunk("tgi", [wire.choice("\ufffd", "length")])]
    stream = [*map(wire.event, chunks), wire.event(wire.chunk("tgi", [], usage)), wire.DONE]
    reply = ChatAnswer(ask(), SETTING)
    assert "".join(piece.text for piece in read(reply, stream)) == "네"
    assert reply.finished() == Finished(pb.FINISH_REASON_LENGTH, Usage(7, 2))


def test_calls_of_a_chat_are_kept_from_holes_too() -> None:
    """Their arguments are text that the server writes."""
    call = {"index": 0, "function": {"name": "weather", "arguments": '{"도시":"\ufffd울"}'}}
    delta = {"index": 0, "delta": {"role": "assistant", "tool_calls": [call]}, "finish_reason": None}
    with pytest.raises(NotBuilt):
        ChatAnswer(ask(), SETTING).take(json.dumps(wire.chunk("tgi", [delta])).encode())
