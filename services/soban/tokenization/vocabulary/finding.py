"""Where a model's tokenizer is."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from soban.runtime.model_settings import ModelConfig
from soban.runtime.vocabulary.files import TOKENIZER_FILE, tokenizer_path

_BUNDLED, _FILE, _GGUF = "bundled:", "file:", ".gguf"


def find_tokenizer(name: str, model: ModelConfig) -> Path | None:
    """The model's `tokenizer.json`: the configured one, or the one beside its GGUF file; None where there is none.

    Raises ConfigError when a configured one is not there.
    """
    if model.tokenizer is not None:
        return tokenizer_path(name, model.tokenizer)
    if model.url.startswith(_BUNDLED):
        beside = Path(str(files("soban") / "generation" / "bundled")) / TOKENIZER_FILE
    elif "://" in model.url or not model.url.endswith(_GGUF):
        return None
    else:
        beside = Path(model.url.removeprefix(_FILE)).expanduser().parent / TOKENIZER_FILE
    return beside if beside.is_file() else None
