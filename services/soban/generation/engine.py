"""What an engine adapter is, and what it says while it answers.

`engines/` has one for each kind of engine. Numbers and enums are those of the contract, so that nothing is translated
twice on the way of a token.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

import soban.v1 as pb


class Feature(StrEnum):
    """What some engines can do and some cannot; the value is how errors and docs call it."""

    CHAT = "messages"
    COMPLETION = "prompt"
    CONTINUATION = "continue_final_message"
    TOOLS = "tools"
    IMAGES = "images"
    JSON_OBJECT = "response_format.json_object"
    JSON_SCHEMA = "response_format.json_schema"
    REGEX = "response_format.regex"
    GRAMMAR = "response_format.grammar"
    LOGPROBS = "logprobs"
    LOGIT_BIAS = "logit_bias"
    TEMPLATE_ARGUMENTS = "template_arguments_json"
    IGNORE_EOS = "ignore_eos"
    MIN_P = "min_p"
    TOP_K = "top_k"
    REPETITION_PENALTY = "repetition_penalty"
    ADAPTERS = "LoRA adapters"
    ADAPTER_LOADING = "loading LoRA adapters while it runs"
    STREAM_USAGE = "usage in streams"


@dataclass(slots=True)
class Usage:
    """Tokens by the model's own tokenizer, as in `soban.v1.Usage`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Of two answers to two prompts."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )

    def to_proto(self) -> pb.Usage:
        """As the contract writes it."""
        return pb.Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_input_tokens=self.cached_input_tokens,
            reasoning_tokens=self.reasoning_tokens,
        )


@dataclass(slots=True)
class Started:
    """The engine has taken the request; sent once, first. `model` is filled in above the engine."""

    model: str = ""


@dataclass(slots=True)
class Piece:
    """What came since the last piece. `tokens` is how many tokens it stands for."""

    text: str = ""
    reasoning: str = ""
    tokens: int = 0
    tool_calls: list[pb.ToolCallDelta] = field(default_factory=list)
    logprobs: list[pb.TokenLogprob] = field(default_factory=list)
    input_tokens: int | None = None
    """Of the prompt, on the first piece of an answer, where the engine tells them by then."""
    resumed: bool = False
    """Whether it is the first after a continuation on another replica."""


@dataclass(slots=True)
class Finished:
    """The end; sent once, last. An answer without it was cut off."""

    reason: pb.FinishReason.ValueType
    usage: Usage
    stop_sequence: str = ""


Event: TypeAlias = Started | Piece | Finished


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """One answer that an engine is asked for.

    `request` is as the model is to be sent it; what its `options.n` and `options.seed` say does not count, `seed` does.
    `adapter` is the LoRA adapter on top of the model, by the name that the engine has for it; empty for none.
    """

    request: pb.GenerateRequest
    seed: int | None = None
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """What an engine says of the model it has loaded. What it does not say is None or empty."""

    models: tuple[str, ...] = ()
    """Names and paths that it has for the model."""
    context_length: int | None = None
    """Tokens of prompt and answer that one sequence may take."""
    slots: int | None = None
    """Sequences that it works on at once."""
    lacks: frozenset[Feature] = frozenset()
    """What this one cannot do though its kind can: its model, its template or how it was started has no place for it.
    What it does not tell of is not here."""
    adapters: tuple[str, ...] = ()
    """LoRA adapters that it has loaded."""
    version: str = ""
    """Of the engine, as it writes it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an engine says of its load. None is "not told", which is not zero."""

    running: int | None = None
    """Sequences that it works on."""
    waiting: int | None = None
    """Requests that wait inside the engine."""
    kv_cache_use: float | None = None
    """From 0 to 1."""


class Engine(Protocol):
    """Speaks the protocol of one kind of engine with one replica of it."""

    @property
    def support(self) -> frozenset[Feature]:
        """What this kind of engine can do; a model or its template may still not."""

    def check(self, request: pb.GenerateRequest) -> None:
        """Raises NotBuilt and InvalidField for what this kind of engine can never answer; no I/O."""

    def generate(self, asked: EngineRequest) -> AsyncGenerator[Event, None]:
        """One answer.

        Closing the generator ends the work in the engine at once. Raises SobanError: EngineLost when the connection
        broke or fell silent, EngineFailed when the engine tells of an error of its own, NoReplica when it cannot be
        reached or loads, EngineOverloaded, ContextOverflow, InvalidField, NotBuilt.
        """

    async def describe(self) -> Description:
        """Raises SobanError as `generate` does."""

    async def healthy(self) -> bool:
        """Whether it has its model loaded and answers. Never raises SobanError."""

    async def read_load(self) -> Reading:
        """Its load now. Raises SobanError as `generate` does; an engine that tells nothing gives an empty Reading."""

    async def load_adapter(self, name: str, path: str) -> None:
        """Loads a LoRA adapter under a name. Raises NotBuilt where the engine cannot, and as `generate` does."""
