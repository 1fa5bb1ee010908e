"""Writes headers of GGUF files."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

U32, I32, BOOL, STRING, ARRAY = 4, 5, 7, 8, 9


class Types(list[int]):
    """Written as 32-bit integers with a sign."""


LLAMA: dict[str, Any] = {
    "general.architecture": "llama",
    "general.license": "apache-2.0",
    "llama.context_length": 8192,
    "llama.block_count": 30,
    "llama.embedding_length": 576,
    "llama.attention.head_count": 9,
    "llama.attention.head_count_kv": 3,
    "tokenizer.ggml.tokens": ["가", "나", "다"] * 500,
    "tokenizer.ggml.scores": list(range(2000)),
    "tokenizer.ggml.add_bos_token": True,
}


def write_gguf(path: Path, pairs: dict[str, Any] = LLAMA, *, magic: bytes = b"GGUF", version: int = 3) -> Path:
    """Metadata without tensors."""
    head = magic + struct.pack("<IQQ", version, 0, len(pairs))
    path.write_bytes(head + b"".join(_string(key) + _typed(value) for key, value in pairs.items()))
    return path


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _typed(value: Any) -> bytes:
    kind, raw = _value(value)
    return struct.pack("<I", kind) + raw


def _value(value: Any) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return U32, struct.pack("<I", value)
    if isinstance(value, str):
        return STRING, _string(value)
    if isinstance(value, Types):
        return ARRAY, struct.pack(f"<IQ{len(value)}i", I32, len(value), *value)
    items = [_value(item) for item in value]
    return ARRAY, struct.pack("<IQ", items[0][0], len(items)) + b"".join(raw for _, raw in items)
