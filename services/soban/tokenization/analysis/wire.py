"""What `writing.py` needs to write protobuf's wire format by hand: protobuf.dev/programming-guides/encoding."""

from __future__ import annotations

import struct
from typing import Any

from google.protobuf.message import Message

_VARINT, _LENGTH, _FIXED32 = 0, 2, 5

_NUMBERS_KEPT = 1 << 14
_TEXTS_KEPT = 20_000

float32 = struct.Struct("<f").pack


def varint(number: int) -> bytes:
    """A number from 0 up, seven bits a byte."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def delimited(key: bytes, body: bytes) -> bytes:
    """A field that holds a text or a message."""
    return key + varint(len(body)) + body


def keys_of(message: type[Message]) -> dict[str, bytes]:
    """What stands before the value of each field, by the field's name, for numbers, floats, texts and messages."""
    return {field.name: varint(field.number << 3 | _wire_type(field)) for field in message.DESCRIPTOR.fields}


class Varints(dict[int, bytes]):
    """Varints by number; small ones are kept."""

    def __missing__(self, number: int) -> bytes:
        written = varint(number)
        if number < _NUMBERS_KEPT:
            self[number] = written
        return written


class TextFields(dict[str, bytes]):
    """A text field by its text; the last ones are kept."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key

    def __missing__(self, text: str) -> bytes:
        if len(self) >= _TEXTS_KEPT:
            self.clear()
        written = self[text] = delimited(self._key, text.encode())
        return written


def _wire_type(field: Any) -> int:
    if field.type in (field.TYPE_STRING, field.TYPE_BYTES, field.TYPE_MESSAGE):
        return _LENGTH
    return _FIXED32 if field.type == field.TYPE_FLOAT else _VARINT
