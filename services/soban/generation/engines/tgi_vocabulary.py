"""The vocabulary and chat template of a model that a TGI serves, out of the files that `models.<name>.tokenizer` names.

With them the adapter writes the prompt itself, counts it, and reads the answer by the ids of its tokens. Where those
files have no template, TGI is asked to write what its own makes of a conversation.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import soban.v1 as pb
from soban.runtime.config import ConfigError
from soban.runtime.template_arguments import template_arguments
from soban.runtime.vocabulary.chat_template import ChatTemplate
from soban.runtime.vocabulary.conversation import Writer
from soban.runtime.vocabulary.files import read_tokenizer, tokenizer_path
from soban.runtime.vocabulary.rendering import Rendering, begun_answer, render_chat
from soban.runtime.vocabulary.tokenizer import ModelTokenizer

_SAMPLE = "Soban table 2026"
_KEPT = 16


class Vocabulary:
    """Safe to use from several threads."""

    def __init__(self, tokenizer: ModelTokenizer, template: ChatTemplate | None) -> None:
        self._tokenizer = tokenizer
        self._template = template
        self.special = tokenizer.special
        self.bytes_of = tokenizer.bytes_of

    @property
    def renders(self) -> bool:
        """Whether there is a chat template."""
        return self._template is not None

    def ids(self, text: str) -> list[int]:
        """Token ids of `text` as an engine reads it: special tokens in it are those tokens, none are put around it."""
        return self._tokenizer.encode([text], parse_special=True)[0].token_ids

    def count(self, text: str) -> int:
        """How many `ids` has."""
        return self._tokenizer.count([text], parse_special=True)[0]

    def text_of(self, token_id: int) -> str:
        """A token as the text that a template writes for it. Raises IndexError for an id without a token."""
        return self._tokenizer.bytes_of(token_id).decode(errors="replace")

    def unrendered(self, request: pb.GenerateRequest) -> tuple[list[dict[str, Any]], str]:
        """The conversation for a template elsewhere, control tokens in it broken, and what follows the rendered text.

        Raises InvalidField.
        """
        written = Writer(self._tokenizer.markers, normalize=False).messages(request.messages, None)
        begun = begun_answer(written) if request.options.continue_final_message else ""
        return written, begun

    def prompt(self, request: pb.GenerateRequest) -> str:
        """The raw prompt, or the conversation by the template, which there must be. Raises as `render_chat`."""
        if self._template is None or not request.messages:
            return request.prompt
        options = request.options
        given = options.template_arguments_json
        how = Rendering(
            continue_final_message=options.continue_final_message,
            normalize=False,
            arguments=template_arguments(given, "options.template_arguments_json") if given else None,
        )
        return render_chat(self._template, self._tokenizer.markers, request.messages, (), how)


@lru_cache(_KEPT)
def load_vocabulary(name: str, tokenizer: str) -> Vocabulary:
    """What `tokenizer` of the model called `name` names. Raises ConfigError.

    Read once for all replicas of a model, since a vocabulary of 151,000 tokens takes 0.5 s and 112 MB.
    """
    path = tokenizer_path(name, tokenizer)
    files = read_tokenizer(name, path)
    tokens = ModelTokenizer.load(name, files)
    (encoded,) = tokens.encode([_SAMPLE])
    if tokens.decode(encoded.token_ids) != (_SAMPLE, b""):
        raise ConfigError(f"models.{name}.tokenizer", f"{path}: its tokens do not stand for the bytes of a text")
    template = ChatTemplate(name, files.chat_template, files.special_tokens) if files.chat_template else None
    return Vocabulary(tokens, template)
