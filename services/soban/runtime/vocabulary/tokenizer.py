"""Hugging Face `tokenizers`. The only file that knows it.

Only the batch calls are used, also for one text: they release the GIL, `encode` does not. The fast one keeps no
offsets, which is why the parts of a text are counted from the tokens' bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from soban.runtime.config import ConfigError
from soban.runtime.markers import Markers
from soban.runtime.vocabulary.files import TokenizerFiles
from soban.runtime.vocabulary.token_bytes import TokenBytes, read_token_bytes


class Encoded(NamedTuple):
    """Token ids of a text. The first `before` and the last `after` stand for no part of it."""

    token_ids: list[int]
    before: int = 0
    after: int = 0


class ModelTokenizer:
    """The vocabulary of one model: ids to bytes, text to ids. Safe to use from several threads."""

    def __init__(self, files: TokenizerFiles, plain: Any, parsing: Any) -> None:
        """`plain` takes texts that look like special tokens as text, `parsing` takes them as those tokens."""
        self.files = files
        self.version = files.version
        self._plain = plain
        self._parsing = parsing
        added = plain.get_added_tokens_decoder()
        self.special = frozenset(number for number, token in added.items() if token.special)
        self.markers = Markers(
            (token.content for token in added.values() if token.special),
            (token.content for token in added.values() if not token.special),
        )
        self._bytes: TokenBytes = read_token_bytes(
            plain.get_vocab(with_added_tokens=True),
            {number: token.content for number, token in added.items()},
            json.loads(plain.decoder.__getstate__()) if plain.decoder is not None else None,
        )
        self.adds_bos, self.adds_eos = self._adds()

    @classmethod
    def load(cls, name: str, files: TokenizerFiles) -> ModelTokenizer:
        """Raises ConfigError where the file is no tokenizer. `name` is that of the model."""
        import tokenizers

        try:
            plain, parsing = (tokenizers.Tokenizer.from_str(files.content) for _ in range(2))
        except Exception as err:  # tokenizers raises nothing narrower
            raise ConfigError(f"models.{name}.tokenizer", f"{files.path}: {err}") from err
        plain.encode_special_tokens = True
        return cls(files, plain, parsing)

    @property
    def drops_first_space(self) -> bool:
        """Whether encoding puts a space before a text, which decoding takes back."""
        return self._bytes.drops_first_space

    @property
    def size(self) -> int:
        """Number of tokens, added ones included."""
        size: int = self._plain.get_vocab_size(with_added_tokens=True)
        return size

    def id_of(self, token: str) -> int | None:
        """The id of a token that is written so."""
        number: int | None = self._plain.token_to_id(token)
        return number

    def count(self, texts: Sequence[str], *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        """Number of tokens of each text. It is 20 microseconds for 50 characters, and linear."""
        return [len(found) for found in self._batch(texts, add_special, parse_special)]

    def encode(self, texts: Sequence[str], *, add_special: bool = False, parse_special: bool = False) -> list[Encoded]:
        """Token ids of each text."""
        return [_encoded(found, add_special) for found in self._batch(texts, add_special, parse_special)]

    def offsets(self, text: str, *, parse_special: bool = False) -> list[tuple[int, int]]:
        """The code points of each token as the library has them, which costs a slower encoding.

        For vocabularies whose bytes are not those of the text, such as lower-casing ones.
        """
        tokenizer = self._parsing if parse_special else self._plain
        found: list[tuple[int, int]] = tokenizer.encode_batch([text], add_special_tokens=False)[0].offsets
        return found

    def has(self, token_id: int) -> bool:
        """Whether there is a token with this id."""
        return token_id < len(self._bytes.pieces) and self._bytes.pieces[token_id] is not None

    def bytes_of(self, token_id: int) -> bytes:
        """The bytes of one token. Raises IndexError for an id without a token."""
        return self._bytes[token_id]

    def decode(self, token_ids: Sequence[int], *, skip_special: bool = True) -> tuple[str, bytes]:
        """Text, and the bytes of an incomplete character at its end. Raises IndexError for an id without a token."""
        special = self.special if skip_special else frozenset()
        return self._bytes.decode(number for number in token_ids if number not in special)

    def _batch(self, texts: Sequence[str], add_special: bool, parse_special: bool) -> list[Any]:
        tokenizer = self._parsing if parse_special else self._plain
        found: list[Any] = tokenizer.encode_batch_fast(list(texts), add_special_tokens=add_special)
        return found

    def _adds(self) -> tuple[bool, bool]:
        """Whether a begin and an end token go around text: as the files say, or else as the tokenizer does."""
        around = self._plain.encode_batch_fast([""], add_special_tokens=True)[0].ids
        bos, eos = (self.id_of(self.files.special_tokens.get(role, "")) for role in ("bos", "eos"))
        adds = self.files.adds
        return adds.get("bos", around[:1] == [bos]), adds.get("eos", around[-1:] == [eos])


def _encoded(found: Any, add_special: bool) -> Encoded:
    if not add_special:
        return Encoded(found.ids)
    mask = found.special_tokens_mask
    before = next((at for at, put in enumerate(mask) if not put), len(mask))
    after = next((at for at, put in enumerate(reversed(mask[before:])) if not put), 0)
    return Encoded(found.ids, before, after)
