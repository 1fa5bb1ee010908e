"""The header of a GGUF file: enough to refuse what is none, and to know how much memory its contexts take.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Tensors are not read.
"""

from __future__ import annotations

import mmap
import re
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
_TOKENS, _TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
# Token types that llama.cpp looks for in texts before it tokenizes them: unknown, control, user-defined.
_USER_DEFINED = 4
_READ_APART = (2, 3, _USER_DEFINED)
_INT32 = 5
# User-defined are also runs of spaces and HTML elements, which are text.
_MARKER = re.compile(
    r"(?!</?(?:table|caption|thead|tbody|tfoot|t[rhd]|h[1-6r]|blockquote|strong|em|[abipsu]|su[bp]|code|pre|br|[uo]l|li)>)"
    r"[<\[]\S+[>\]]"
)


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
    control_tokens: tuple[str, ...] = ()
    """Texts that its tokenizer reads as tokens of their own, and not as text."""


def read_header(path: Path) -> GgufHeader:
    """Raises NotGguf, and OSError when the file cannot be read."""
    if path.stat().st_size < 24:
        raise NotGguf("the file is too short to be a GGUF model")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            reader = _Reader(data)
            return _header(reader.metadata(), reader.control_tokens())
        except (struct.error, ValueError, TypeError, LookupError, OverflowError, RecursionError) as err:
            raise NotGguf("the header of the GGUF file is damaged") from err


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0
        self._begins: dict[str, int] = {}

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
            self._begins[key] = self._at
            value = self._value(self._scalar("I"))
            if value is not None:
                pairs[key] = value
        return pairs

    def control_tokens(self) -> tuple[str, ...]:
        """After `metadata`. Of the vocabulary only these are kept: 150,000 tokens are walked over in 50 ms."""
        if _TOKENS not in self._begins or _TYPES not in self._begins:
            return ()
        self._at = self._begins[_TYPES] + 4
        kind, count = self._scalar("I"), self._scalar("Q")
        if kind != _INT32:
            return ()
        types = struct.unpack_from(f"<{count}i", self._data, self._at)
        self._at = self._begins[_TOKENS] + 4
        if self._scalar("I") != _STRING or self._scalar("Q") != count:
            return ()
        found = []
        for told in types:
            begin = self._at + 8
            self._skip_string()
            if told in _READ_APART:
                found.append((told, self._data[begin : self._at].decode(errors="replace")))
        return tuple(text for told, text in found if told != _USER_DEFINED or _MARKER.fullmatch(text))

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


def _header(pairs: dict[str, Any], control_tokens: tuple[str, ...]) -> GgufHeader:
    architecture = str(pairs["general.architecture"])

    def number(name: str, default: int = 0) -> int:
        value = pairs.get(f"{architecture}.{name}", default)
        return value if isinstance(value, int) else default

    return GgufHeader(
        architecture=architecture,
        context_length=number("context_length"),
        kv_bytes_per_token=_kv_bytes(pairs, architecture, number),
        license=str(pairs.get("general.license", "")),
        control_tokens=control_tokens,
    )


def _kv_bytes(pairs: dict[str, Any], architecture: str, number: Callable[..., int]) -> int:
    """Layers x key-value heads x (length of a key + length of a value) x 2 bytes; heads may differ by layer."""
    layers, heads = number("block_count"), number("attention.head_count")
    per_layer = pairs.get(f"{architecture}.attention.head_count_kv", heads)
    kv_heads = sum(map(int, per_layer)) if isinstance(per_layer, list) else layers * int(per_layer)
    head_size = number("embedding_length") // heads if heads else 0
    sizes = number("attention.key_length", head_size) + number("attention.value_length", head_size)
    return kv_heads * sizes * _F16_BYTES
