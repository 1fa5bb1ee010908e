"""The part of a text that each of its tokens stands for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

import soban.v1 as pb
from soban.runtime.vocabulary.tokenizer import Encoded, ModelTokenizer
from soban.tokenization.normalization import compose
from soban.tokenization.offsets import offset_table


def spans_of(
    tokenizer: ModelTokenizer, text: str, encoded: Encoded, *, parse_special: bool = False
) -> list[tuple[int, int]]:
    """The code points of `text` that each token touches; tokens of one character have the same range."""
    body = encoded.token_ids[encoded.before : len(encoded.token_ids) - encoded.after]
    inner = _byte_spans(tokenizer, text, body) or tokenizer.offsets(text, parse_special=parse_special)
    return [(0, 0)] * encoded.before + inner + [(len(text), len(text))] * encoded.after


def _byte_spans(tokenizer: ModelTokenizer, text: str, token_ids: Sequence[int]) -> list[tuple[int, int]] | None:
    """None where the tokens' bytes are not those of `text`.

    They are also taken for its own where the tokenizer composed it to NFC or put a space before it.
    """
    pieces = [tokenizer.bytes_of(number) for number in token_ids]
    joined = b"".join(pieces)
    if joined == text.encode():
        return _spans(pieces, text, 0)
    if tokenizer.drops_first_space and joined == b" " + text.encode():
        return _spans(pieces, text, 1)
    composed = compose(text)
    if composed is not None and joined == composed.text.encode():
        return [composed.span(*span) for span in _spans(pieces, composed.text, 0)]
    return None


def _spans(pieces: Iterable[bytes], text: str, before: int) -> list[tuple[int, int]]:
    """Pieces of the UTF-8 form of `text` with `before` bytes before it, in code points."""
    table = offset_table(text, pb.OFFSET_UNIT_UTF8_BYTE)
    spans = []
    start = -before
    for piece in pieces:
        end = start + len(piece)
        first = bisect_right(table, max(0, start)) - 1
        spans.append((first, max(first, bisect_left(table, end))))
        start = end
    return spans
