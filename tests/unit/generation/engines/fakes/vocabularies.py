"""The tokenizers that a fake engine and its adapter share."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

BUNDLED = Path(str(files("soban") / "generation" / "bundled" / "tokenizer.json"))
"""Byte-level BPE of 4,096 tokens with a chat template beside it."""
