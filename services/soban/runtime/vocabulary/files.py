"""The files of a model's tokenizer, and what they say beside the vocabulary itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soban.runtime.config import ConfigError

TOKENIZER_FILE = "tokenizer.json"
_CONFIG_FILE = "tokenizer_config.json"
_TEMPLATE_FILE = "chat_template.jinja"

_ROLES = ("bos", "eos", "pad", "unk")
_LONGEST_CONTEXT = 10**8
"""A `model_max_length` above this is transformers' way to say that it is not known (1e30)."""


@dataclass(frozen=True)
class TokenizerFiles:
    """What was read. `special_tokens` is by role ("eos"); `adds` tells of roles whether the token is put around text,
    where the files say so; `context_length` is 0 when not known."""

    path: Path
    content: str
    special_tokens: Mapping[str, str]
    adds: Mapping[str, bool]
    chat_template: str
    context_length: int

    @property
    def version(self) -> str:
        """Hash of the vocabulary and its rules."""
        return hashlib.sha256(self.content.encode()).hexdigest()[:16]


def tokenizer_path(name: str, configured: str) -> Path:
    """The `tokenizer.json` that `models.<name>.tokenizer` names, itself or by its folder.

    Raises ConfigError when it is not there.
    """
    path = Path(configured).expanduser()
    path = path / TOKENIZER_FILE if path.is_dir() else path
    if not path.is_file():
        raise ConfigError(f"models.{name}.tokenizer", f"{path}: no such file")
    return path


def read_tokenizer(name: str, path: Path) -> TokenizerFiles:
    """Reads `tokenizer.json` and, where they are, `tokenizer_config.json` and `chat_template.jinja` beside it.

    Raises ConfigError.
    """
    config = _read_config(name, path.parent / _CONFIG_FILE)
    template = path.parent / _TEMPLATE_FILE
    return TokenizerFiles(
        path=path,
        content=_read(name, path),
        special_tokens={role: text for role in _ROLES if (text := _token(config.get(f"{role}_token")))},
        adds={role: bool(config[key]) for role in _ROLES if config.get(key := f"add_{role}_token") is not None},
        chat_template=_read(name, template) if template.is_file() else _template(config.get("chat_template")),
        context_length=_context_length(config.get("model_max_length")),
    )


def _read(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"models.{name}.tokenizer", f"{path}: {err}") from err


def _read_config(name: str, path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        config = json.loads(_read(name, path))
    except ValueError as err:
        raise ConfigError(f"models.{name}.tokenizer", f"{path}: no valid JSON") from err
    return config if isinstance(config, dict) else {}


def _token(value: Any) -> str:
    """Special tokens are written as text, or as an object with `content`."""
    text = value.get("content") if isinstance(value, dict) else value
    return text if isinstance(text, str) else ""


def _template(value: Any) -> str:
    """One template, or several by name, of which the one named "default" counts."""
    if isinstance(value, list):
        return next((_template(one.get("template")) for one in value if one.get("name") == "default"), "")
    return value if isinstance(value, str) else ""


def _context_length(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value < _LONGEST_CONTEXT else 0
