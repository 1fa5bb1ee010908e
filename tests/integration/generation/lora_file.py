"""Writes a LoRA adapter for the bundled model: random weights, enough to change what it says."""

from __future__ import annotations

import random
import struct
from pathlib import Path

_F32, _FLOAT32, _STRING, _ALIGNMENT = 0, 6, 8, 32
_RANK = 4
_LAYERS, _WIDTH = 6, 256


def write_lora(path: Path, seed: int, strength: float = 0.3) -> Path:
    """An adapter on the attention output of every layer."""
    dice = random.Random(seed)
    tensors: list[tuple[str, tuple[int, int]]] = []
    for layer in range(_LAYERS):
        name = f"blk.{layer}.attn_output.weight"
        tensors += [(f"{name}.lora_a", (_WIDTH, _RANK)), (f"{name}.lora_b", (_RANK, _WIDTH))]
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), 4) + _metadata()
    offset = 0
    for name, shape in tensors:
        head += _text(name) + struct.pack("<IQQIQ", 2, *shape, _F32, offset)
        offset += shape[0] * shape[1] * 4
    head += b"\0" * (-len(head) % _ALIGNMENT)
    count = sum(rows * columns for _, (rows, columns) in tensors)
    path.write_bytes(head + struct.pack(f"<{count}f", *(dice.gauss(0, strength) for _ in range(count))))
    return path


def _metadata() -> bytes:
    texts = {"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora"}
    pairs = b"".join(_text(key) + struct.pack("<I", _STRING) + _text(value) for key, value in texts.items())
    return pairs + _text("adapter.lora.alpha") + struct.pack("<If", _FLOAT32, float(_RANK))


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw
