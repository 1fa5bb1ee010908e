"""Where tokenizers are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from soban.runtime.config import ConfigError
from soban.runtime.model_settings import ModelConfig
from soban.tokenization.vocabulary.finding import find_tokenizer
from unit.tokenization.vocabularies import byte_level, save


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save(byte_level(), tmp_path)


def test_a_configured_file_or_folder_is_taken(path: Path) -> None:
    """Both name the same."""
    for given in (path, path.parent):
        assert find_tokenizer("ko", ModelConfig(url="hf://kakao/ko", tokenizer=str(given))) == path


def test_a_configured_file_must_be_there(tmp_path: Path) -> None:
    """The error names the key."""
    with pytest.raises(ConfigError, match=r"models\.ko\.tokenizer: .*no such file"):
        find_tokenizer("ko", ModelConfig(url="hf://kakao/ko", tokenizer=str(tmp_path / "none.json")))


@pytest.mark.parametrize("prefix", ["", "file:"])
def test_the_file_beside_a_gguf_file_is_taken(path: Path, prefix: str) -> None:
    """Whether or not the address says that it is a file."""
    assert find_tokenizer("ko", ModelConfig(url=f"{prefix}{path.parent}/ko.gguf")) == path


@pytest.mark.parametrize("url", ["hf://kakao/ko/ko.gguf", "http://engine:8000", "bundled:none-such", "ko"])
def test_without_a_file_there_is_none(url: str, tmp_path: Path) -> None:
    """Which is no error until somebody asks for it."""
    found = find_tokenizer("ko", ModelConfig(url=url))
    assert found is None or url.startswith("bundled:")
    assert find_tokenizer("ko", ModelConfig(url=f"{tmp_path}/ko.gguf")) is None
