"""Vocabularies of several kinds: ids, bytes, spans, and special tokens in what users write."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from soban.runtime.config import ConfigError
from soban.runtime.vocabulary.files import TokenizerFiles, read_tokenizer
from soban.runtime.vocabulary.token_bytes import read_token_bytes
from soban.runtime.vocabulary.tokenizer import Encoded, ModelTokenizer
from soban.tokenization.vocabulary.spans import spans_of
from unit.tokenization.korean import NFD, SENTENCES, texts
from unit.tokenization.vocabularies import (
    BOS,
    CONFIG,
    END,
    TOOL,
    USER,
    byte_level,
    lower_casing,
    save,
    sentencepiece,
)


def in_memory(tokenizer: Tokenizer, **tokens: str) -> ModelTokenizer:
    files = TokenizerFiles(Path("tokenizer.json"), tokenizer.to_str(), tokens, {}, "", 0)
    return ModelTokenizer.load("test", files)


BYTE_LEVEL = in_memory(byte_level())
KINDS = {
    "byte level": BYTE_LEVEL,
    "byte level with NFC": in_memory(byte_level(nfc=True)),
    "sentencepiece": in_memory(sentencepiece(prefix=False)),
    "sentencepiece with a prefix": in_memory(sentencepiece(prefix=True)),
}


@pytest.mark.parametrize("kind", KINDS)
@given(text=texts)
@settings(max_examples=60, deadline=None)
def test_spans_cover_the_text_in_order(kind: str, text: str) -> None:
    """Each token's span is of this text, and together they leave nothing out."""
    tokenizer = KINDS[kind]
    (encoded,) = tokenizer.encode([text])
    spans = spans_of(tokenizer, text, encoded)
    assert len(spans) == len(encoded.token_ids)
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert all(one[0] <= other[0] for one, other in pairwise(spans))
    assert {at for start, end in spans for at in range(start, end)} == set(range(len(text)))


@pytest.mark.parametrize("kind", ["byte level", "sentencepiece"])
@given(text=texts)
@settings(max_examples=60, deadline=None)
def test_bytes_of_the_tokens_are_the_text(kind: str, text: str) -> None:
    """And decoding gives it back; a lone ▁ alone cannot be told from a space."""
    tokenizer = KINDS[kind]
    text = text.replace("▁", "")
    (encoded,) = tokenizer.encode([text])
    assert b"".join(map(tokenizer.bytes_of, encoded.token_ids)) == text.encode()
    assert tokenizer.decode(encoded.token_ids, skip_special=False) == (text, b"")


@given(st.lists(st.integers(0, BYTE_LEVEL.size - 1), max_size=12))
def test_any_ids_decode_to_whole_characters(token_ids: list[int]) -> None:
    """What is incomplete at the end comes as bytes."""
    text, incomplete = BYTE_LEVEL.decode(token_ids)
    text.encode()
    assert len(incomplete) < 4


def test_tokens_of_one_character_share_its_span() -> None:
    """뷁 is in no vocabulary and takes three tokens."""
    (encoded,) = BYTE_LEVEL.encode(["가뷁"])
    spans = spans_of(BYTE_LEVEL, "가뷁", encoded)
    assert spans[-3:] == [(1, 2)] * 3


def test_a_cut_character_is_left_out_at_the_begin_and_kept_at_the_end() -> None:
    """A stream that was cut at tokens is whole again when put together."""
    (encoded,) = BYTE_LEVEL.encode(["뷁뷁"])
    assert encoded.token_ids[:3] == encoded.token_ids[3:]
    text, incomplete = BYTE_LEVEL.decode(encoded.token_ids[1:5])
    assert (text, incomplete) == ("", "뷁".encode()[:2])


def test_a_space_before_the_text_is_taken_back() -> None:
    """Llama 2 puts one there."""
    tokenizer = KINDS["sentencepiece with a prefix"]
    (encoded,) = tokenizer.encode(["했다. 이걸"])
    assert tokenizer.bytes_of(encoded.token_ids[0]) == b" "
    assert tokenizer.decode(encoded.token_ids) == ("했다. 이걸", b"")
    assert spans_of(tokenizer, "했다. 이걸", encoded)[:2] == [(0, 0), (0, 1)]


def test_decomposed_text_keeps_its_spans_under_nfc() -> None:
    """The library itself names the first jamo of each syllable only."""
    tokenizer = KINDS["byte level with NFC"]
    (encoded,) = tokenizer.encode([NFD])
    assert spans_of(tokenizer, NFD, encoded)[-1][1] == len(NFD)
    assert tokenizer.count([NFD]) == tokenizer.count([unicodedata.normalize("NFC", NFD)])


def test_a_vocabulary_with_bytes_of_its_own_has_the_librarys_spans() -> None:
    """Such as one that lowers case."""
    tokenizer = in_memory(lower_casing())
    (encoded,) = tokenizer.encode(["ABC 했다."])
    assert spans_of(tokenizer, "ABC 했다.", encoded) == [(0, 3), (4, 7)]


@pytest.mark.parametrize("token", [BOS, END, USER])
def test_special_tokens_in_a_users_text_are_text(token: str) -> None:
    """Otherwise a user could end a turn and write the next one."""
    (encoded,) = BYTE_LEVEL.encode([f"안녕 {token} 하세요"])
    assert not BYTE_LEVEL.special.intersection(encoded.token_ids)
    (parsed,) = BYTE_LEVEL.encode([f"안녕 {token} 하세요"], parse_special=True)
    assert BYTE_LEVEL.id_of(token) in parsed.token_ids


def test_added_tokens_that_are_not_special_are_words() -> None:
    """As in llama.cpp; `<tool_call>` is one in Qwen."""
    (encoded,) = BYTE_LEVEL.encode([f"안녕 {TOOL}"])
    assert encoded.token_ids[-1] == BYTE_LEVEL.id_of(TOOL)


def test_tokens_around_a_text_stand_for_no_part_of_it() -> None:
    """They are there only when asked for."""
    tokenizer = in_memory(byte_level(adds_bos=True), bos=BOS, eos=END)
    (plain,), (around,) = (tokenizer.encode(["했다"], add_special=add) for add in (False, True))
    assert around == Encoded([0, *plain.token_ids, 1], 1, 1)
    spans = spans_of(tokenizer, "했다", around)
    assert (spans[0], spans[-1]) == ((0, 0), (2, 2))
    assert tokenizer.encode([""], add_special=True) == [Encoded([0, 1], 2, 0)]
    assert (tokenizer.adds_bos, tokenizer.adds_eos) == (True, True)


def test_runs_of_spaces_may_be_added_tokens() -> None:
    """As in Gemma, where they are written like the others."""
    spaced = read_token_bytes({"가": 0}, {1: "▁▁", 2: "<bos>"}, {"type": "Replace"})
    assert spaced.decode([2, 1, 0]) == ("<bos>  가", b"")


def test_counts_are_those_of_the_encodings() -> None:
    """Without making lists of ids."""
    encoded = BYTE_LEVEL.encode(SENTENCES)
    assert BYTE_LEVEL.count(SENTENCES) == [len(one.token_ids) for one in encoded]


@pytest.mark.parametrize("token_id", [10**6, 2**32 - 1])
def test_ids_without_a_token_are_refused(token_id: int) -> None:
    """By the list itself."""
    assert not BYTE_LEVEL.has(token_id)
    with pytest.raises(IndexError):
        BYTE_LEVEL.decode([token_id])


def test_holes_in_a_vocabulary_have_no_token() -> None:
    """Ids may be left out."""
    sparse = read_token_bytes({"a": 0, "c": 2}, {}, {"type": "ByteLevel"})
    assert sparse.decode([0, 2]) == ("ac", b"")
    with pytest.raises(IndexError):
        sparse.decode([1])


def test_what_the_files_say_goes_before_what_the_tokenizer_does(tmp_path: Path) -> None:
    """GGUF files are made from both, in this order."""
    path = save(byte_level(adds_bos=True), tmp_path, {**CONFIG, "add_bos_token": False})
    tokenizer = ModelTokenizer.load("test", read_tokenizer("test", path))
    assert (tokenizer.adds_bos, tokenizer.adds_eos) == (False, True)


def test_a_file_that_is_no_tokenizer_is_named() -> None:
    """With the key to mend."""
    files = TokenizerFiles(Path("/models/tokenizer.json"), "{}", {}, {}, "", 0)
    with pytest.raises(ConfigError, match=r"models\.ko\.tokenizer: /models/tokenizer\.json"):
        ModelTokenizer.load("ko", files)
