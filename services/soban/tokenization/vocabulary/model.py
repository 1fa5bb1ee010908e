"""One served model: its vocabulary, its chat template, its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import soban.v1 as pb
from soban.runtime.errors import InvalidField
from soban.runtime.model_settings import ModelConfig
from soban.tokenization.vocabulary.chat_template import ChatTemplate
from soban.tokenization.vocabulary.conversation import Writer
from soban.tokenization.vocabulary.files import find_tokenizer, read_tokenizer
from soban.tokenization.vocabulary.tokenizer import ModelTokenizer


@dataclass(frozen=True)
class Rendering:
    """How a conversation is rendered, beside its messages and tools."""

    add_generation_prompt: bool = True
    continue_final_message: bool = False
    normalize: bool = True
    arguments: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Model:
    """`context_length` is 0 when not known; `template` is None where the model is no chat model."""

    name: str
    tokenizer: ModelTokenizer
    template: ChatTemplate | None
    context_length: int
    system_prompt: str | None

    def render(
        self, messages: Sequence[pb.Message], tools: Sequence[pb.Tool], how: Rendering, remaining: float | None
    ) -> str:
        """The prompt that an engine is given for this conversation. Raises InvalidField and DeadlineExceeded."""
        if self.template is None:
            raise InvalidField(f"{self.name} has no chat template; count texts instead", field="messages")
        writer = Writer(self.tokenizer.markers, normalize=how.normalize)
        written = writer.messages(messages, self.system_prompt)
        begun = _begun_answer(written) if how.continue_final_message else ""
        prompt = self.template.render(
            written,
            writer.tools(tools),
            add_generation_prompt=how.add_generation_prompt or how.continue_final_message,
            arguments=how.arguments or {},
            remaining=remaining,
        )
        return prompt + begun

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


def _begun_answer(written: list[dict[str, Any]]) -> str:
    """Takes the last message out: it is written after the header of the answer, and left open."""
    if not written or written[-1]["role"] != "assistant":
        raise InvalidField("only an ASSISTANT message can be continued, and it is the last", field="messages")
    text: str = written.pop()["content"]
    return text
