"""The header of a GGUF file."""

from __future__ import annotations

from pathlib import Path

import pytest

from soban.generation.gguf import GgufHeader, NotGguf, read_header
from unit.generation.gguf_file import LLAMA, Types, write_gguf


def test_a_header_tells_context_memory_and_licence(tmp_path: Path) -> None:
    """Long vocabularies are read over: 30 layers of 3 heads of 64 for keys and values, 2 bytes each."""
    header = read_header(write_gguf(tmp_path / "m.gguf"))
    assert header == GgufHeader("llama", 8192, 30 * 3 * (64 + 64) * 2, "apache-2.0")


def test_heads_may_differ_by_layer_and_from_the_embedding(tmp_path: Path) -> None:
    """As in hybrid models."""
    pairs = {
        **LLAMA,
        "llama.attention.head_count_kv": [0, 2, 4],
        "llama.attention.key_length": 128,
        "llama.attention.value_length": 64,
    }
    assert read_header(write_gguf(tmp_path / "m.gguf", pairs)).kv_bytes_per_token == 6 * (128 + 64) * 2


def test_what_the_file_does_not_say_is_zero_or_empty(tmp_path: Path) -> None:
    """Not a guess."""
    pairs = {"general.architecture": "mamba", "mamba.block_count": 2, "tokenizer.ggml.model": "gpt2 토크나이저"}
    assert read_header(write_gguf(tmp_path / "m.gguf", pairs)) == GgufHeader("mamba", 0, 0, "")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    """With what is wrong with it."""
    with pytest.raises(NotGguf, match="does not begin with 'GGUF'"):
        read_header(write_gguf(tmp_path / "m", magic=b"PK\x03\x04"))
    with pytest.raises(NotGguf, match="version 1 is not supported"):
        read_header(write_gguf(tmp_path / "m", version=1))
    (tmp_path / "m").write_bytes(b"GGUF")
    with pytest.raises(NotGguf, match="too short"):
        read_header(tmp_path / "m")
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "none")


def test_a_damaged_header_is_refused_wherever_it_breaks(tmp_path: Path) -> None:
    """Never an error of another kind, never a long read."""
    whole = write_gguf(tmp_path / "m", {key: LLAMA[key] for key in list(LLAMA)[:7]}).read_bytes()
    for length in range(24, len(whole)):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(NotGguf):
            read_header(tmp_path / "cut")


def test_absurd_lengths_are_refused(tmp_path: Path) -> None:
    """A count of 2^63 pairs, a string of 2^63 bytes, an unknown type."""
    head = b"GGUF\x03\x00\x00\x00" + b"\x00" * 8
    for rest in (
        b"\xff" * 8 + b"\x00" * 64,
        b"\x01" + b"\x00" * 7 + b"\xff" * 7 + b"\x7f" + b"\x00" * 64,
        b"\x01" + b"\x00" * 7 + b"\x01" + b"\x00" * 7 + b"k" + b"\x63\x00\x00\x00" + b"\x00" * 64,
    ):
        (tmp_path / "m").write_bytes(head + rest)
        with pytest.raises(NotGguf):
            read_header(tmp_path / "m")


def test_control_tokens_are_found_in_a_large_vocabulary(tmp_path: Path) -> None:
    """Control, unknown, and of the user-defined those that are no text: no spaces, no HTML."""
    apart = {"<unk>": 2, "<|im_end|>": 3, "<tool_call>": 4, "[|user|]": 4, "\n\n": 4, "<table>": 4, "</h1>": 4}
    tokens, types = ["가"] * 150_000 + list(apart), Types([1] * 150_000 + list(apart.values()))
    pairs = {**LLAMA, "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types}
    header = read_header(write_gguf(tmp_path / "m.gguf", pairs))
    assert header.control_tokens == ("<unk>", "<|im_end|>", "<tool_call>", "[|user|]")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llama.attention.head_count_kv", "세 개"),
        ("llama.attention.head_count_kv", ["셋"]),
        ("tokenizer.ggml.token_type", Types([1])),
        ("tokenizer.ggml.token_type", "control"),
    ],
)
def test_values_of_a_wrong_type_are_no_other_error(tmp_path: Path, key: str, value: object) -> None:
    """The file is refused, or what it garbles left out."""
    path = write_gguf(tmp_path / "m.gguf", {**LLAMA, key: value})
    try:
        assert read_header(path).control_tokens == ()
    except NotGguf as err:
        assert "damaged" in str(err)
