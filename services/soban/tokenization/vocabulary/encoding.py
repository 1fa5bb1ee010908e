"""Texts as the contract's encodings: ids, and tokens with their bytes and spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import soban.v1 as pb
from soban.runtime.vocabulary.tokenizer import Encoded, ModelTokenizer
from soban.tokenization.normalization import Composed, compose
from soban.tokenization.offsets import offset_table, unit_of
from soban.tokenization.vocabulary.spans import spans_of


class EncodeOptions(NamedTuple):
    """Options of an EncodeRequest with their defaults filled in."""

    add_special: bool
    parse_special: bool
    with_tokens: bool
    normalize: bool
    unit: pb.OffsetUnit.ValueType

    @classmethod
    def of(cls, request: pb.EncodeRequest) -> EncodeOptions:
        """The options of `request`."""
        return cls(
            request.add_special_tokens,
            request.parse_special_tokens,
            request.with_tokens,
            request.normalize or not request.HasField("normalize"),
            unit_of(request.offset_unit),
        )


class Encoder:
    """Encodes the texts of one request."""

    def __init__(self, tokenizer: ModelTokenizer, options: EncodeOptions) -> None:
        self._tokenizer = tokenizer
        self._options = options

    def encode(self, texts: Sequence[str]) -> list[pb.Encoding]:
        """One encoding for each text."""
        options = self._options
        composed = [compose(text) if options.normalize else None for text in texts]
        bodies = [form.text if form is not None else text for form, text in zip(composed, texts, strict=True)]
        found = self._tokenizer.encode(bodies, add_special=options.add_special, parse_special=options.parse_special)
        return [self._encoding(*each) for each in zip(found, texts, composed, strict=True)]

    def _encoding(self, encoded: Encoded, text: str, composed: Composed | None) -> pb.Encoding:
        """`text` is as sent, `composed` what was encoded in its place."""
        encoding = pb.Encoding(token_ids=encoded.token_ids, normalized=composed is not None)
        if self._options.with_tokens:
            spans = self._spans(encoded, text, composed)
            offsets = offset_table(text, self._options.unit)
            for token_id, (start, end) in zip(encoded.token_ids, spans, strict=True):
                self._write(encoding.tokens.add(), token_id, offsets[start], offsets[end])
        return encoding

    def _spans(self, encoded: Encoded, text: str, composed: Composed | None) -> list[tuple[int, int]]:
        parse_special = self._options.parse_special
        if composed is None:
            return spans_of(self._tokenizer, text, encoded, parse_special=parse_special)
        spans = spans_of(self._tokenizer, composed.text, encoded, parse_special=parse_special)
        return [composed.span(*span) for span in spans]

    def _write(self, token: pb.Token, token_id: int, start: int, end: int) -> None:
        token.id = token_id
        token.bytes = self._tokenizer.bytes_of(token_id)
        token.span.start = start
        token.span.end = end
        if token_id in self._tokenizer.special:
            token.special = True
