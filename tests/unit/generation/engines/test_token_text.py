"""Text from token ids: every syllable, however its tokens fall, in each kind of vocabulary."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from soban.generation.engines.token_text import TokenText
from soban.runtime.vocabulary.files import TokenizerFiles, read_tokenizer
from soban.runtime.vocabulary.tokenizer import ModelTokenizer
from unit.generation.engines.answers import SYLLABLES
from unit.generation.engines.fakes.vocabularies import BUNDLED
from unit.tokenization.korean import texts
from unit.tokenization.vocabularies import byte_level, sentencepiece


def in_memory(tokenizer: Tokenizer) -> ModelTokenizer:
    return ModelTokenizer.load("test", TokenizerFiles(Path("tokenizer.json"), tokenizer.to_str(), {}, {}, "", 0))


VOCABULARIES = {
    "bundled": ModelTokenizer.load("test", read_tokenizer("test", BUNDLED)),
    "byte level": in_memory(byte_level()),
    "sentencepiece": in_memory(sentencepiece(prefix=False)),
    "sentencepiece with a prefix": in_memory(sentencepiece(prefix=True)),
}
kinds = pytest.mark.parametrize("kind", VOCABULARIES)


def pieces_of(vocabulary: ModelTokenizer, ids: list[int]) -> list[str]:
    text = TokenText(vocabulary)
    return [text.push(number) for number in ids]


def ids_of(vocabulary: ModelTokenizer, text: str) -> list[int]:
    return vocabulary.encode([text])[0].token_ids


@kinds
def test_every_syllable_comes_whole_and_once(kind: str) -> None:
    """All 11,172, of which a vocabulary has a few hundred; the others are two or three tokens each."""
    vocabulary = VOCABULARIES[kind]
    ids = ids_of(vocabulary, SYLLABLES)
    pieces = pieces_of(vocabulary, ids)
    assert "".join(pieces).lstrip(" ") == SYLLABLES
    assert not any("\ufffd" in piece for piece in pieces)
    assert "" in pieces


@kinds
def test_a_syllable_comes_with_its_last_token(kind: str) -> None:
    """Not one token later: nothing waits for what follows."""
    vocabulary = VOCABULARIES[kind]
    ids = ids_of(vocabulary, "뷁")
    *before, last = pieces_of(vocabulary, ids)
    assert ("".join(before).strip(), last) == ("", "뷁")


@kinds
@given(text=texts)
@settings(max_examples=80, deadline=None)
def test_any_text_is_the_one_that_was_encoded(kind: str, text: str) -> None:
    """The library decodes the same, but for the space that SentencePiece puts before a text."""
    vocabulary = VOCABULARIES[kind]
    text = text.replace("▁", "")
    ids = ids_of(vocabulary, text)
    begin = " " if vocabulary.drops_first_space and text else ""
    assert "".join(pieces_of(vocabulary, ids)) == begin + text


@kinds
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_ids_give_whole_characters(kind: str, data: st.DataObject) -> None:
    """Also such as no text has: what is no UTF-8 is left out."""
    vocabulary = VOCABULARIES[kind]
    ids = data.draw(st.lists(st.integers(0, vocabulary.size - 1), max_size=16))
    text = "".join(pieces_of(vocabulary, ids))
    text.encode()
    assert "\ufffd" not in text


def test_a_space_before_the_first_word_belongs_to_the_answer() -> None:
    """The answer follows its prompt: llama.cpp shows it, and a continuation on another replica needs it."""
    vocabulary = VOCABULARIES["sentencepiece with a prefix"]
    assert "".join(pieces_of(vocabulary, ids_of(vocabulary, "했다"))) == " 했다"


def test_special_tokens_are_no_text() -> None:
    """The end token, and whatever else the vocabulary says is special."""
    vocabulary = VOCABULARIES["bundled"]
    end = vocabulary.id_of("<|end|>")
    assert end is not None
    assert pieces_of(vocabulary, [end, *ids_of(vocabulary, "밥"), end])[-1] == ""
    assert "".join(pieces_of(vocabulary, [end, *ids_of(vocabulary, "밥"), end])) == "밥"


def test_an_id_without_a_token_is_told() -> None:
    """It means another vocabulary than the engine's."""
    with pytest.raises(IndexError):
        TokenText(VOCABULARIES["bundled"]).push(10**6)
