"""The bytes that each token of a vocabulary stands for."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_WORD_BORDER = "▁"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_CONTINUATION = bytes(range(0x80, 0xC0))


@dataclass(frozen=True)
class TokenBytes:
    """`pieces[id]` are the bytes of a token, None where an id has no token.

    `drops_first_space` says that decoded text loses a space at its begin, which encoding had put there.
    """

    pieces: list[bytes | None]
    drops_first_space: bool

    def __getitem__(self, token_id: int) -> bytes:
        """Raises IndexError for an id without a token."""
        piece = self.pieces[token_id]
        if piece is None:
            raise IndexError(token_id)
        return piece

    def decode(self, token_ids: Iterable[int]) -> tuple[str, bytes]:
        """The text of the tokens, and the bytes of an incomplete character at its end.

        Bytes of an incomplete character at the begin are left out; other bytes that are no UTF-8 become U+FFFD. Raises
        IndexError for ids without a token.
        """
        data = b"".join(self[number] for number in token_ids)
        if self.drops_first_space:
            data = data.removeprefix(b" ")
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = decoder.decode(data.lstrip(_CONTINUATION))
        return text, decoder.getstate()[0]


def read_token_bytes(vocabulary: Mapping[str, int], added: Mapping[int, str], decoder: Any) -> TokenBytes:
    """For a vocabulary and its added tokens, which in byte-level ones stand for themselves.

    `decoder` is that part of a tokenizer.json: it says whether the others are byte-level BPE (the alphabet of GPT-2) or
    SentencePiece (a border of words for a space, `<0xEA>` for a byte).
    """
    decoders = list(_flat(decoder))
    byte_level = any(one.get("type") == "ByteLevel" for one in decoders)
    alphabet = str.maketrans(byte_alphabet()) if byte_level else {}
    pieces: list[bytes | None] = [None] * (1 + max([*vocabulary.values(), *added], default=-1))
    for token, number in vocabulary.items():
        pieces[number] = _byte_level(token, alphabet) if byte_level else _sentencepiece(token)
    for number, token in added.items():
        pieces[number] = token.encode() if byte_level else _sentencepiece(token)
    return TokenBytes(pieces, any(map(_drops_first_space, decoders)))


def byte_alphabet() -> dict[str, str]:
    """The character that stands for each byte in GPT-2's vocabulary, to the character of that number.

    Printable bytes stand for themselves and the others, in order, for U+0100 and up: openai/gpt-2 src/encoder.py,
    `bytes_to_unicode`.
    """
    plain = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    moved = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): chr(byte) for byte in plain} | {chr(256 + at): chr(byte) for at, byte in enumerate(moved)}


def _byte_level(token: str, alphabet: dict[int, str]) -> bytes:
    try:
        return token.translate(alphabet).encode("latin-1")
    except UnicodeEncodeError:
        return token.encode()


def _sentencepiece(token: str) -> bytes:
    if (byte := _BYTE.fullmatch(token)) is not None:
        return bytes([int(byte[1], 16)])
    return token.replace(_WORD_BORDER, " ").encode()


def _flat(decoder: Any) -> Iterator[Mapping[str, Any]]:
    """The decoders of a sequence one by one."""
    if isinstance(decoder, dict):
        yield decoder
        for one in decoder.get("decoders", ()):
            yield from _flat(one)


def _drops_first_space(decoder: Mapping[str, Any]) -> bool:
    if decoder.get("type") == "Strip":
        return decoder.get("content") == " " and decoder.get("start", 0) > 0
    return decoder.get("type") == "Metaspace" and decoder.get("prepend_scheme", "always") != "never"
