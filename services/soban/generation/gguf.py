"""The header of a GGUF file: enough to refuse what is none, and to know how much memory its contexts take.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Tensors are not read.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_F16_BYTES = 2
_STRING, _ARRAY = 8, 9
# Value type to its struct format: u8 i8 u16 i16 u32 i32 f32 bool, then u64 i64 f64.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_SHORT_ARRAY = 1024


class NotGguf(Exception):  # noqa: N818 - named by what went wrong
    """The file is no GGUF that llama.cpp reads."""


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What the file says of its model."""

    architecture: str
    context_length: int
    """Tokens that it was trained for; 0 where the file does not say."""
    kv_bytes_per_token: int
    """Memory that a token takes in a context, keys and values as F16; 0 where the file does not say."""
    license: str


def read_header(path: Path) -> GgufHeader:
    """Raises NotGguf, and OSError when the file cannot be read."""
    if path.stat().st_size < 24:
        raise NotGguf("the file is too short to be a GGUF model")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            return _header(_Reader(data).metadata())
        except (struct.error, UnicodeDecodeError, LookupError, OverflowError, RecursionError) as err:
            raise NotGguf("the header of the GGUF file is damaged") from err


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def metadata(self) -> dict[str, Any]:
        """The key-value pairs; long arrays, such as vocabularies, are read over and left out."""
        magic, version = self._data[:4], struct.unpack_from("<I", self._data, 4)[0]
        if magic != _MAGIC:
            raise NotGguf("the file is no GGUF model: it does not begin with 'GGUF'")
        if version not in _VERSIONS:
            raise NotGguf(f"GGUF version {version} is not supported, {' and '.join(map(str, _VERSIONS))} are")
        self._at = 16
        pairs = {}
        for _ in range(self._scalar("Q")):
            key = self._string()
            value = self._value(self._scalar("I"))
            if value is not None:
                pairs[key] = value
        return pairs

    def _scalar(self, kind: str) -> Any:
        value = struct.unpack_from("<" + kind, self._data, self._at)[0]
        self._at += struct.calcsize("<" + kind)
        return value

    def _string(self) -> str:
        begin = self._at + 8
        self._skip_string()
        return self._data[begin : self._at].decode()

    def _skip_string(self) -> None:
        length = struct.unpack_from("<Q", self._data, self._at)[0]
        self._at += 8 + length

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array()
        return self._scalar(_SCALARS[kind])

    def _array(self) -> list[Any] | None:
        kind, count = self._scalar("I"), self._scalar("Q")
        if count <= _SHORT_ARRAY:
            return [self._value(kind) for _ in range(count)]
        if kind != _STRING:
            self._at += count * struct.calcsize("<" + _SCALARS[kind])
            return None
        for _ in range(count):
            self._skip_string()
        return None


def _header(pairs: dict[str, Any]) -> GgufHeader:
    architecture = str(pairs["general.architecture"])

    def number(name: str, default: int = 0) -> int:
        value = pairs.get(f"{architecture}.{name}", default)
        return value if isinstance(value, int) else default

    return GgufHeader(
        architecture=architecture,
        context_length=number("context_length"),
        kv_bytes_per_token=_kv_bytes(pairs, architecture, number),
        license=str(pairs.get("general.license", "")),
    )


def _kv_bytes(pairs: dict[str, Any], architecture: str, number: Callable[..., int]) -> int:
    """Layers x key-value heads x (length of a key + length of a value) x 2 bytes; heads may differ by layer."""
    layers, heads = number("block_count"), number("attention.head_count")
    per_layer = pairs.get(f"{architecture}.attention.head_count_kv", heads)
    kv_heads: int = sum(per_layer) if isinstance(per_layer, list) else layers * per_layer
    head_size = number("embedding_length") // heads if heads else 0
    sizes = number("attention.key_length", head_size) + number("attention.value_length", head_size)
    return kv_heads * sizes * _F16_BYTES
