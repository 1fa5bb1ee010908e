"""The vocabulary and chat template of a model that a TGI serves, out of the files that `models.<name>.tokenizer` names.

With them the adapter writes the prompt itself, counts it, and reads the answer by the ids of its tokens.
"""

from __future__ import annotations

from functools import lru_cache

import soban.v1 as pb
from soban.runtime.config import ConfigError
from soban.runtime.errors import InvalidField
from soban.runtime.template_arguments import template_arguments
from soban.runtime.vocabulary.chat_template import ChatTemplate
from soban.runtime.vocabulary.files import read_tokenizer, tokenizer_path
from soban.runtime.vocabulary.rendering import Rendering, render_chat
from soban.runtime.vocabulary.tokenizer import ModelTokenizer

NAME = "<name>"
"""Stands in errors for the name of the model, which an adapter is not told."""
_SAMPLE = "Soban table 2026"
_KEPT = 16


class Vocabulary:
    """Safe to use from several threads."""

    def __init__(self, tokenizer: ModelTokenizer, template: ChatTemplate | None) -> None:
        self._tokenizer = tokenizer
        self._template = template
        self.special = tokenizer.special
        self.bytes_of = tokenizer.bytes_of

    def ids(self, text: str) -> list[int]:
        """Token ids of `text` as an engine reads it: special tokens in it are those tokens, none are put around it."""
        return self._tokenizer.encode([text], parse_special=True)[0].token_ids

    def count(self, text: str) -> int:
        """How many `ids` has."""
        return self._tokenizer.count([text], parse_special=True)[0]

    def text_of(self, token_id: int) -> str:
        """A token as the text that a template writes for it. Raises IndexError for an id without a token."""
        return self._tokenizer.bytes_of(token_id).decode(errors="replace")

    def prompt(self, request: pb.GenerateRequest) -> str:
        """The raw prompt, or the conversation rendered. Raises InvalidField and DeadlineExceeded."""
        if not request.messages:
            return request.prompt
        if self._template is None:
            raise InvalidField("the files of the model's tokenizer have no chat template", field="messages")
        options = request.options
        given = options.template_arguments_json
        how = Rendering(
            continue_final_message=options.continue_final_message,
            normalize=False,
            arguments=template_arguments(given, "options.template_arguments_json") if given else None,
        )
        return render_chat(self._template, self._tokenizer.markers, request.messages, (), how)


@lru_cache(_KEPT)
def load_vocabulary(tokenizer: str) -> Vocabulary:
    """What `models.<name>.tokenizer` names. Raises ConfigError.

    Read once for all replicas of a model, since a vocabulary of 151,000 tokens takes 0.5 s and 112 MB.
    """
    path = tokenizer_path(NAME, tokenizer)
    files = read_tokenizer(NAME, path)
    tokens = ModelTokenizer.load(NAME, files)
    (encoded,) = tokens.encode([_SAMPLE])
    if tokens.decode(encoded.token_ids) != (_SAMPLE, b""):
        raise ConfigError(f"models.{NAME}.tokenizer", f"{path}: its tokens do not stand for the bytes of a text")
    template = ChatTemplate(NAME, files.chat_template, files.special_tokens) if files.chat_template else None
    return Vocabulary(tokens, template)
