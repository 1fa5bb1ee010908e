"""One served model: its vocabulary, its chat template, its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import soban.v1 as pb
from soban.runtime.errors import InvalidField
from soban.runtime.model_settings import ModelConfig
from soban.runtime.vocabulary.chat_template import ChatTemplate
from soban.runtime.vocabulary.files import read_tokenizer
from soban.runtime.vocabulary.rendering import Rendering, render_chat
from soban.runtime.vocabulary.tokenizer import ModelTokenizer
from soban.tokenization.vocabulary.finding import find_tokenizer


@dataclass(frozen=True)
class Model:
    """`context_length` is 0 when not known; `template` is None where the model is no chat model."""

    name: str
    tokenizer: ModelTokenizer
    template: ChatTemplate | None
    context_length: int
    system_prompt: str | None

    def instructed(self, system_prompt: str | None) -> Model:
        """The same model under a profile's system prompt; None leaves its own."""
        return self if system_prompt is None else replace(self, system_prompt=system_prompt)

    def render(
        self, messages: Sequence[pb.Message], tools: Sequence[pb.Tool], how: Rendering, remaining: float | None
    ) -> str:
        """The prompt that an engine is given for this conversation. Raises InvalidField and DeadlineExceeded."""
        if self.template is None:
            raise InvalidField(f"{self.name} has no chat template; count texts instead", field="messages")
        how = replace(how, system_prompt=self.system_prompt)
        return render_chat(self.template, self.tokenizer.markers, messages, tools, how, remaining=remaining)

    def count_prompt(self, prompt: str) -> int:
        """Tokens of a rendered prompt as an engine counts them: special tokens are parsed, and a begin token that both
        template and tokenizer put there is there once (llama.cpp, common/chat.cpp, `apply`)."""
        tokenizer = self.tokenizer
        if tokenizer.adds_bos:
            prompt = prompt.removeprefix(tokenizer.files.special_tokens.get("bos", ""))
        if tokenizer.adds_eos:
            prompt = prompt.removesuffix(tokenizer.files.special_tokens.get("eos", ""))
        (count,) = tokenizer.count([prompt], parse_special=True)
        return count + tokenizer.adds_bos + tokenizer.adds_eos

    def info(self) -> pb.TokenizerInfo:
        """What ListTokenizers says."""
        ids = {role: self.tokenizer.id_of(token) for role, token in self.tokenizer.files.special_tokens.items()}
        return pb.TokenizerInfo(
            model=self.name,
            vocabulary_size=self.tokenizer.size,
            version=self.tokenizer.version,
            source="tokenizer.json",
            has_chat_template=self.template is not None,
            context_length=self.context_length,
            special_tokens={role: number for role, number in ids.items() if number is not None},
        )


def load_model(name: str, configured: ModelConfig) -> Model | None:
    """None where the model has no tokenizer here. Raises ConfigError where it has one that cannot be used."""
    path = find_tokenizer(name, configured)
    if path is None:
        return None
    files = read_tokenizer(name, path)
    template = ChatTemplate(name, files.chat_template, files.special_tokens) if files.chat_template else None
    context_length = configured.context_length or files.context_length
    return Model(name, ModelTokenizer.load(name, files), template, context_length, configured.system_prompt)
