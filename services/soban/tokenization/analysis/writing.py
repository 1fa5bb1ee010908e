"""Tokens of Kiwi as morphemes and sentences of the contract.

Morphemes are written in protobuf's wire format, in less than half the time that setting the fields of messages takes:
every text goes through here, and that is 50 of 650 microseconds for 50 characters. Numbers of fields come from the
contract's descriptors, and rare fields from protobuf itself: encoded messages one after another are one message.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import soban.v1 as pb
from soban.tokenization.analysis.piece import Piece
from soban.tokenization.analysis.wire import TextFields, Varints, float32, keys_of
from soban.tokenization.analyzer import KiwiToken

OF_REQUEST = "request"
"""Name of the dictionary that the words of a request are."""

Words = Mapping[tuple[int, int], pb.UserWord]
"""User words by their range in the analysed text."""

_KEYS = keys_of(pb.Morpheme)
_SPAN, _SURFACE, _SCORE = _KEYS["span"], _KEYS["surface"], _KEYS["score"]
_EOJEOL, _SENTENCE, _LINE = _KEYS["eojeol_index"], _KEYS["sentence_index"], _KEYS["line_index"]
_START, _END = keys_of(pb.Span)["start"], keys_of(pb.Span)["end"]
_SPAN_KEYS = len(_START) + len(_END)
_MORPHEME = keys_of(pb.Analysis)["morphemes"]
_HEADS_KEPT = 20_000


class Before(NamedTuple):
    """What the same answer has already."""

    morphemes: int = 0
    sentences: int = 0


FIRST = Before()


class MorphemeWriter:
    """Writes tokens as the `morphemes` of an encoded `Analysis`. Remembers words, so that it belongs to one worker."""

    def __init__(self) -> None:
        self._varints = Varints()
        self._surfaces = TextFields(_SURFACE)
        self._heads: dict[tuple[str, str], bytes] = {}

    def write(
        self, tokens: Sequence[KiwiToken], kept: Sequence[int], piece: Piece, words: Words, before: Before
    ) -> bytes:
        """The tokens of the numbers `kept`. Almost without calls and attributes, as it is the service's hot loop.

        It goes from the last to the first, since a morpheme must not start after the next one: Kiwi puts what leaves no
        trace behind the syllable that it is fused with ("걸린대요": 하 at 3, then 어요 at 2).
        """
        varints, heads, surfaces = self._varints, self._heads, self._surfaces
        text, composed, offsets, eojeols = piece.text, piece.composed, piece.offsets, piece.eojeols
        first_eojeol, first_line, first_sentence = piece.start.eojeol - 1, piece.start.line, before.sentences
        parts: list[bytes] = []
        next_start = len(piece.analysed)
        for number in reversed(kept):
            token = tokens[number]
            start, end = token.start, token.end
            if start > next_start:
                start, end = next_start, (end if end > start else next_start)
            next_start = start
            if composed is not None:
                start, end = composed.span(start, end)
            first, last = varints[offsets[start]], varints[offsets[end]]
            # fmt: off
            body = b"".join((
                heads.get((token.form, token.tag)) or self._head(token),
                _SPAN, varints[_SPAN_KEYS + len(first) + len(last)], _START, first, _END, last,
                surfaces[text[start:end]],
                _SCORE, float32(token.score),
                _EOJEOL, varints[first_eojeol + (bisect_right(eojeols, start) or 1)],
                _SENTENCE, varints[first_sentence + token.sent_position],
                _LINE, varints[first_line + token.line_number],
            ))
            # fmt: on
            if token.paired_token >= 0 or token.oov or token.typo_cost or token.sub_sent_position or token.sense:
                body += _rare(token, kept, before)
            if words:
                body += _of_word(words.get((token.start, token.end)))
            parts += (body, varints[len(body)], _MORPHEME)
        parts.reverse()
        return b"".join(parts)

    def _head(self, token: KiwiToken) -> bytes:
        """The fields that depend on form and tag alone. "VV-R" and "VV-I" are VV."""
        tag, _, _ = token.tag.partition("-")
        head = pb.Morpheme(form=token.form, tag=tag, lemma=token.lemma, regularity=_regularity(token))
        if len(self._heads) >= _HEADS_KEPT:
            self._heads.clear()
        written = self._heads[token.form, token.tag] = head.SerializeToString()
        return written


def write_sentences(tokens: Sequence[KiwiToken], piece: Piece, response: pb.AnalyzeResponse) -> None:
    """Adds the sentences of the tokens, each with the sentences nested in it."""
    free = 0
    for _, group in groupby(tokens, lambda token: token.sent_position):
        members = list(group)
        sentence = response.sentences.add()
        free = _write_sentence(members, piece, sentence, free)
        for nested in _nested(members):
            _write_sentence(nested, piece, sentence.nested.add(), 0)


def count_sentences(tokens: Sequence[KiwiToken]) -> int:
    """How many sentences the tokens make up."""
    return tokens[-1].sent_position + 1 if tokens else 0


def _regularity(token: KiwiToken) -> pb.Regularity.ValueType:
    if token.regularity is None:
        return pb.REGULARITY_UNSPECIFIED
    return pb.REGULARITY_REGULAR if token.regularity else pb.REGULARITY_IRREGULAR


def _rare(token: KiwiToken, kept: Sequence[int], before: Before) -> bytes:
    """Fields that one morpheme of ten has. A bracket names the other one, if that is in the answer."""
    rest = pb.Morpheme(
        unknown=token.oov,
        typo_cost=token.typo_cost,
        sense=token.sense,
        nested_sentence_index=token.sub_sent_position,
    )
    partner = bisect_left(kept, token.paired_token)
    if partner < len(kept) and kept[partner] == token.paired_token:
        rest.pair_index = before.morphemes + partner
    return rest.SerializeToString()


def _of_word(word: pb.UserWord | None) -> bytes:
    """What a word of the request adds; its lemma comes after Kiwi's and therefore counts."""
    if word is None:
        return b""
    return pb.Morpheme(dictionary=OF_REQUEST, value=word.value, lemma=word.lemma).SerializeToString()


def _write_sentence(tokens: Sequence[KiwiToken], piece: Piece, sentence: pb.Sentence, free: int) -> int:
    """Fills in a sentence that begins at the code point `free` at the earliest; tells where it ends.

    Where one character as sent became several, the sentence before may have taken it.
    """
    start, end = piece.place(min(token.start for token in tokens), max(token.end for token in tokens))
    start, end = max(start, free), max(end, free)
    sentence.text = piece.text[start:end]
    sentence.span.start = piece.offsets[start]
    sentence.span.end = piece.offsets[end]
    return end


def _nested(tokens: Sequence[KiwiToken]) -> Iterator[list[KiwiToken]]:
    for number, group in groupby(tokens, lambda token: token.sub_sent_position):
        if number:
            yield list(group)
