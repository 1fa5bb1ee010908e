"""Text rebuilt from token ids, for engines that break characters between tokens.

A token of a byte-level vocabulary is some bytes, of a Hangul syllable often one or two of its three. An engine that
writes each token down by itself has only U+FFFD to show for it; the ids still tell every byte. So each id becomes the
bytes that its vocabulary has for it, and those become text as soon as a character is whole.
"""

from __future__ import annotations

import codecs
from collections.abc import Container
from typing import Protocol


class TokenVocabulary(Protocol):
    """What ids stand for."""

    @property
    def special(self) -> Container[int]:
        """Ids of tokens that are no text: begin, end, roles."""

    def bytes_of(self, token_id: int) -> bytes:
        """Raises IndexError for an id without a token."""


class TokenText:
    """`push` the ids of an answer in order; what it answers, joined, is the text.

    The answer follows a prompt, so that a space that its first token stands for is kept (`decode` of the library takes
    it for the one that SentencePiece puts before a text). Special tokens are left out. Bytes that are no UTF-8 are left
    out, too, and so is a character that the end of the answer cuts.
    """

    def __init__(self, vocabulary: TokenVocabulary) -> None:
        self._bytes_of = vocabulary.bytes_of
        self._special = vocabulary.special
        self._decode = codecs.getincrementaldecoder("utf-8")("ignore").decode

    def push(self, token_id: int) -> str:
        """The characters that this token completes. Raises IndexError for an id without a token."""
        if token_id in self._special:
            return ""
        return self._decode(self._bytes_of(token_id))
