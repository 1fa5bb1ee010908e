"""What the files of a tokenizer say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from soban.runtime.config import ConfigError
from soban.runtime.vocabulary.files import read_tokenizer
from unit.tokenization.vocabularies import BOS, END, TEMPLATE, byte_level, save


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save(byte_level(), tmp_path)


def test_what_stands_beside_the_vocabulary_is_read(path: Path) -> None:
    """Special tokens by role, written as text or as an object."""
    files = read_tokenizer("ko", path)
    assert files.special_tokens == {"bos": BOS, "eos": END}
    assert (files.chat_template, files.context_length, files.adds) == (TEMPLATE, 512, {})
    assert len(files.version) == 16


def test_a_template_may_be_a_file_of_its_own(path: Path) -> None:
    """Newer models have it so."""
    (path.parent / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    assert read_tokenizer("ko", path).chat_template == "{{ messages }}"


@pytest.mark.parametrize(
    ("config", "template", "length"),
    [
        ({"chat_template": [{"name": "tool_use", "template": "ㄷ"}, {"name": "default", "template": "ㄱ"}]}, "ㄱ", 0),
        ({"chat_template": [{"name": "rag", "template": "ㄹ"}]}, "", 0),
        ({"model_max_length": 10**30}, "", 0),
        ({"model_max_length": 1e30}, "", 0),
        ({"model_max_length": 32_768, "add_bos_token": None}, "", 32_768),
        ([], "", 0),
    ],
)
def test_odd_configurations(path: Path, config: object, template: str, length: int) -> None:
    """As the hub has them."""
    (path.parent / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    files = read_tokenizer("ko", path)
    assert (files.chat_template, files.context_length, files.adds) == (template, length, {})


def test_a_configuration_is_not_needed(path: Path) -> None:
    """Counting texts works without it."""
    (path.parent / "tokenizer_config.json").unlink()
    assert read_tokenizer("ko", path).chat_template == ""


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", [b"\xff\xfe{", b"{"])
def test_unreadable_files_are_named(path: Path, name: str, content: bytes) -> None:
    """The vocabulary itself is parsed later."""
    (path.parent / name).write_bytes(content)
    if name == "tokenizer.json" and content == b"{":
        return
    with pytest.raises(ConfigError, match=name):
        read_tokenizer("ko", path)
