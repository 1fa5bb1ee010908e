"""Morphemes on the wire."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import soban.v1 as pb
from soban.tokenization.analysis.job import BEGIN, Flag, Start
from soban.tokenization.analysis.piece import Piece
from soban.tokenization.analysis.plan import Plan
from soban.tokenization.analysis.wire import TextFields, Varints, delimited, keys_of, varint
from soban.tokenization.analysis.writing import FIRST, Before, MorphemeWriter
from unit.tokenization.fakes import Eojeol

TEXT = "했다 (그)"


def written(tokens: list[Eojeol], kept: list[int], start: Start = BEGIN, before: Before = FIRST) -> pb.Analysis:
    piece = Piece(TEXT, start, Plan(pb.AnalyzeOptions(), Flag.NONE))
    return pb.Analysis.FromString(MorphemeWriter().write(tokens, kept, piece, {}, before))


def test_every_field_is_written() -> None:
    """Those by hand and those by protobuf, after what is there already."""
    token = Eojeol(
        "하",
        0,
        1,
        2,
        line_number=3,
        tag="VV-I",
        score=-1.5,
        typo_cost=2.5,
        sense=7,
        oov=True,
        regularity=False,
        sub_sent_position=4,
        paired_token=0,
    )
    (morpheme,) = written([token], [0], Start(300, 20, 200), Before(1_000, 100)).morphemes
    assert morpheme == pb.Morpheme(
        form="하",
        tag="VV",
        lemma="하",
        surface="했",
        span=pb.Span(start=300, end=301),
        score=-1.5,
        eojeol_index=20,
        sentence_index=102,
        line_index=203,
        regularity=pb.REGULARITY_IRREGULAR,
        unknown=True,
        typo_cost=2.5,
        sense=7,
        nested_sentence_index=4,
        pair_index=1_000,
    )


def test_brackets_find_each_other_among_what_is_kept() -> None:
    """By their number in the answer."""
    tokens = [Eojeol("했다", 0, 2, 0), Eojeol("(", 3, 4, 0, paired_token=3), Eojeol("그", 4, 5, 0)]
    tokens.append(Eojeol(")", 5, 6, 0, paired_token=1))
    assert [m.pair_index for m in written(tokens, [1, 3]).morphemes] == [1, 0]
    assert not written(tokens, [0, 1]).morphemes[1].HasField("pair_index")


def test_no_morpheme_starts_after_the_next_one() -> None:
    """What leaves no trace goes back to where the next one starts, what leaves one begins there."""
    tokens = [Eojeol("걸리", 0, 1, 0), Eojeol("하", 2, 2, 0), Eojeol("고", 3, 4, 0), Eojeol("어요", 1, 4, 0)]
    spans = [(morpheme.span.start, morpheme.span.end) for morpheme in written(tokens, [0, 1, 2, 3]).morphemes]
    assert spans == [(0, 1), (1, 1), (1, 4), (1, 4)]


@given(st.integers(0, 2**32 - 1))
def test_numbers_are_written_as_protobuf_does(number: int) -> None:
    """Small ones from memory."""
    key = keys_of(pb.Span)["end"]
    numbers = Varints()
    for _ in range(2):
        assert pb.Span.FromString(key + numbers[number]) == pb.Span(end=number)
    assert numbers[number] == varint(number)


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"]))))
def test_texts_are_written_as_protobuf_does(texts: list[str]) -> None:
    """Each as often as it comes."""
    fields = TextFields(keys_of(pb.AnalyzeBatchRequest)["texts"])
    encoded = b"".join(fields[text] for text in texts * 2)
    assert list(pb.AnalyzeBatchRequest.FromString(encoded).texts) == texts * 2


def test_messages_are_written_as_protobuf_does() -> None:
    """With their length before them."""
    span = pb.Span(start=1, end=200)
    encoded = delimited(keys_of(pb.Morpheme)["span"], span.SerializeToString())
    assert pb.Morpheme.FromString(encoded).span == span
