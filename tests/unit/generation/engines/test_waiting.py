"""Tokens and log-probabilities come with their text, so that an answer that breaks off can be continued after it."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence
from itertools import accumulate

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from soban.generation.engine import Piece
from soban.generation.engines.http import Reply
from soban.generation.engines.openai_events import Answer
from soban.generation.engines.tgi_events import NativeAnswer, ServerText
from unit.generation.conftest import ask

STOPS = ["끝입니다", "\n질문:"]


def of_openai(text: str) -> bytes:
    told = {"content": [{"token": text, "logprob": -0.1}]}
    return json.dumps({"choices": [{"index": 0, "delta": {"content": text}, "logprobs": told}]}).encode()


def of_tgi(text: str) -> bytes:
    return json.dumps({"token": {"id": 7, "text": text, "logprob": -0.1, "special": False}}).encode()


def openai() -> tuple[Reply, Callable[[str], bytes]]:
    return Answer(ask(stop=STOPS, logprobs=True)), of_openai


def tgi() -> tuple[Reply, Callable[[str], bytes]]:
    return NativeAnswer(ask(stop=STOPS, logprobs=True), ServerText("models.ko.tokenizer")), of_tgi


both = pytest.mark.parametrize("make", [openai, tgi])
jamo = "".join(unicodedata.normalize("NFD", "한글"))
words = st.lists(
    st.text(st.sampled_from("끝입니다\n질문: 가나🍚" + jamo), min_size=1, max_size=4), min_size=1, max_size=12
)


def shown(make: Callable[[], tuple[Reply, Callable[[str], bytes]]], texts: Sequence[str]) -> list[Piece]:
    """All that an answer shows until it breaks off."""
    reply, event = make()
    pieces = []
    for text in texts:
        reply.take(event(text))
        if (piece := reply.piece()) is not None:
            pieces.append(piece)
    return pieces


@both
@pytest.mark.parametrize(
    ("texts", "text"),
    [
        (["가", "\u1112"], "가"),
        (["네", "\n"], "네"),
        (["네", "", ""], "네"),
        (["\n"], ""),
        (["좋아요. 끝", "입"], "좋아요. "),
    ],
    ids=["open syllable", "begin of a stop text", "no text yet", "nothing else", "part of a token"],
)
def test_tokens_of_text_that_is_held_back_wait_for_it(
    make: Callable[[], tuple[Reply, Callable[[str], bytes]]], texts: list[str], text: str
) -> None:
    """They are asked for again where the answer goes on. A token of which a part is shown counts."""
    pieces = shown(make, texts)
    count = 1 if text else 0
    assert "".join(piece.text for piece in pieces) == text
    assert sum(piece.tokens for piece in pieces) == count
    assert sum(len(piece.logprobs) for piece in pieces) == count


@both
@given(words)
def test_what_was_shown_has_its_own_tokens_only(
    make: Callable[[], tuple[Reply, Callable[[str], bytes]]], texts: list[str]
) -> None:
    """Wherever the answer breaks off."""
    assume(not any(stop in "".join(texts) for stop in STOPS))
    pieces = shown(make, texts)
    text = "".join(piece.text for piece in pieces)
    begins = [0, *accumulate(map(len, texts))][:-1]
    assert "".join(texts).startswith(text)
    assert sum(piece.tokens for piece in pieces) == sum(begin < len(text) for begin in begins)
    assert sum(len(piece.logprobs) for piece in pieces) == sum(piece.tokens for piece in pieces)


@both
def test_at_the_end_everything_is_told(make: Callable[[], tuple[Reply, Callable[[str], bytes]]]) -> None:
    """The held text comes with its tokens."""
    reply, event = make()
    for text in ("가", "\u1112", "\u1161"):
        reply.take(event(text))
    ends = {
        openai: b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
        tgi: b'{"token":{"id":1,"text":"","logprob":0,"special":true},"generated_text":"x"}',
    }
    reply.take(ends[make])
    first, last = reply.piece(), reply.rest()
    assert first is not None
    assert last is not None
    assert (first.text, first.tokens, last.text) == ("가", 1, "\u1112\u1161")
    assert (last.tokens, len(last.logprobs)) == (2 if make is openai else 3, 2)


def test_thoughts_end_where_the_text_begins() -> None:
    """Their last syllable does not come after it."""
    reply = Answer(ask())
    reply.take(json.dumps({"choices": [{"delta": {"reasoning": "생각\u1112"}}]}).encode())
    reply.take(of_openai("답"))
    piece = reply.piece()
    assert piece is not None
    assert (piece.reasoning, piece.text, piece.tokens) == ("생각\u1112", "답", 2)
