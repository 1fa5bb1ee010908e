"""The SSE parser: any split, any line end, bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soban.generation.engines.sse import EventTooLarge, SseParser
from unit.generation.cutting import pieces_of

STREAM = """\
data: {"text": "안녕하세요 👋"}

: 살아 있음

data:두 줄
data: 이다

event: x
id: 7
data: ㅋㅋㅋ

""".encode()
EVENTS = ['{"text": "안녕하세요 👋"}'.encode(), "두 줄\n이다".encode(), "ㅋㅋㅋ".encode()]


def parsed(pieces: list[bytes]) -> list[bytes]:
    parser = SseParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_split_gives_the_same_events(end: bytes) -> None:
    """Two pieces, cut at every byte, with each kind of line end."""
    stream = STREAM.replace(b"\n", end)
    for at in range(len(stream) + 1):
        assert parsed([stream[:at], stream[at:]]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=20), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_many_cuts_give_the_same_events(cuts: list[int], end: bytes) -> None:
    """Pieces of any number and length, empty ones too."""
    stream = STREAM.replace(b"\n", end)
    assert parsed(pieces_of(stream, cuts)) == EVENTS


def test_an_event_comes_with_the_byte_that_completes_it() -> None:
    """A lone CR ends a line at once, whatever follows."""
    parser = SseParser()
    assert parser.feed(b"data: a\r\r") == [b"a"]
    assert parser.feed(b"\ndata: b\r\n") == []
    assert parser.feed(b"\r\n") == [b"b"]


@pytest.mark.parametrize(
    ("line", "data"),
    [
        (b"data:x", b"x"),
        (b"data: x", b"x"),
        (b"data:  x", b" x"),
        (b"data", b""),
        (b"data:", b""),
    ],
)
def test_one_space_after_the_colon_is_no_data(line: bytes, data: bytes) -> None:
    """As the format says."""
    assert parsed([line + b"\n\n"]) == [data]


def test_other_fields_and_comments_make_no_event() -> None:
    """Signs of life, retry times and fields that only begin like data."""
    assert parsed([b": ping\n\nretry: 5\n\ndatabase: x\n\n:\n\n"]) == []


def test_a_byte_order_mark_is_read_over() -> None:
    """Also when it is cut."""
    assert parsed([b"\xef\xbb", b"\xbfdata: x\n\n"]) == [b"x"]


def test_an_event_that_was_cut_off_is_none() -> None:
    """Its empty line never came."""
    assert parsed([b"data: x\n\ndata: y\n"]) == [b"x"]


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 40, b"data: xxxxxxxxxxxxxxxxxxxx\n" * 3])
def test_an_event_over_the_bound_is_an_error(piece: bytes) -> None:
    """One long line, or many lines."""
    with pytest.raises(EventTooLarge, match="32 bytes"):
        SseParser(max_event_bytes=32).feed(piece)


def test_the_bound_holds_for_bytes_that_drip() -> None:
    """Nothing is kept beyond it."""
    parser = SseParser(max_event_bytes=100)
    with pytest.raises(EventTooLarge):
        for _ in range(200):
            parser.feed(b"x")
