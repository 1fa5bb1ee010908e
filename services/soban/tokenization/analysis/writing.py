"""Tokens of Kiwi as messages. Each field costs 50 ns and a text has hundreds of them, so defaults are not set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import soban.v1 as pb
from soban.tokenization.analysis.piece import Piece
from soban.tokenization.analyzer import KiwiToken

OF_REQUEST = "request"
"""Name of the dictionary that the words of a request are."""

Words = Mapping[tuple[int, int], pb.UserWord]
"""User words by their range in the analysed text."""


def write_morphemes(
    tokens: Sequence[KiwiToken],
    kept: Sequence[int],
    piece: Piece,
    analysis: pb.Analysis,
    *,
    words: Words,
    sentences: int,
) -> None:
    """Adds the tokens of the numbers `kept` to `analysis`; `sentences` is how many came before."""
    numbers = {number: len(analysis.morphemes) + count for count, number in enumerate(kept)}
    for number in kept:
        token = tokens[number]
        morpheme = analysis.morphemes.add()
        _write(token, piece, morpheme)
        if sentence := token.sent_position + sentences:
            morpheme.sentence_index = sentence
        if token.paired_token in numbers:
            morpheme.pair_index = numbers[token.paired_token]
        if words and (word := words.get((token.start, token.end))) is not None:
            _write_word(word, morpheme)


def write_sentences(tokens: Sequence[KiwiToken], piece: Piece, response: pb.AnalyzeResponse) -> None:
    """Adds the sentences of the tokens, each with the sentences nested in it."""
    for _, group in groupby(tokens, lambda token: token.sent_position):
        members = list(group)
        sentence = response.sentences.add()
        _write_sentence(members, piece, sentence)
        for nested in _nested(members):
            _write_sentence(nested, piece, sentence.nested.add())


def count_sentences(tokens: Sequence[KiwiToken]) -> int:
    """How many sentences the tokens make up."""
    return tokens[-1].sent_position + 1 if tokens else 0


def _write(token: KiwiToken, piece: Piece, morpheme: pb.Morpheme) -> None:
    start, end = piece.place(token.start, token.end)
    morpheme.form = token.form
    morpheme.lemma = token.lemma
    morpheme.surface = piece.text[start:end]
    morpheme.score = token.score
    span = morpheme.span
    span.start = piece.offsets[start]
    span.end = piece.offsets[end]
    morpheme.eojeol_index = piece.eojeol(start)
    if token.regularity is None:
        morpheme.tag = token.tag
    else:
        # "VV-R" and "VV-I" are VV.
        morpheme.tag = token.tag.partition("-")[0]
        morpheme.regularity = pb.REGULARITY_REGULAR if token.regularity else pb.REGULARITY_IRREGULAR
    if line := token.line_number + piece.start.line:
        morpheme.line_index = line
    if token.sub_sent_position:
        morpheme.nested_sentence_index = token.sub_sent_position
    if token.typo_cost:
        morpheme.typo_cost = token.typo_cost
    if token.sense:
        morpheme.sense = token.sense
    if token.oov:
        morpheme.unknown = True


def _write_word(word: pb.UserWord, morpheme: pb.Morpheme) -> None:
    morpheme.dictionary = OF_REQUEST
    morpheme.value = word.value
    if word.lemma:
        morpheme.lemma = word.lemma


def _write_sentence(tokens: Sequence[KiwiToken], piece: Piece, sentence: pb.Sentence) -> None:
    start, _ = piece.place(tokens[0].start, tokens[0].end)
    _, end = piece.place(tokens[0].start, max(token.end for token in tokens))
    sentence.text = piece.text[start:end]
    sentence.span.start = piece.offsets[start]
    sentence.span.end = piece.offsets[end]


def _nested(tokens: Sequence[KiwiToken]) -> Iterator[list[KiwiToken]]:
    for number, group in groupby(tokens, lambda token: token.sub_sent_position):
        if number:
            yield list(group)
