"""What an engine adapter is, and what it says while it answers.

`LlamaCpp` in `engines/llamacpp.py` is one. Numbers and enums are those of the contract, so that nothing is translated
twice on the way of a token.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import soban.v1 as pb


@dataclass(slots=True)
class Usage:
    """Tokens by the model's own tokenizer, as in `soban.v1.Usage`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(slots=True)
class Started:
    """The engine has taken the request; sent once, first."""


@dataclass(slots=True)
class Piece:
    """What came since the last piece. `tokens` is how many tokens it stands for."""

    text: str = ""
    reasoning: str = ""
    tokens: int = 0
    tool_calls: list[pb.ToolCallDelta] = field(default_factory=list)
    logprobs: list[pb.TokenLogprob] = field(default_factory=list)


@dataclass(slots=True)
class Finished:
    """The end; sent once, last. An answer without it was cut off."""

    reason: pb.FinishReason.ValueType
    usage: Usage
    stop_sequence: str = ""


Event: TypeAlias = Started | Piece | Finished


@dataclass(frozen=True, slots=True)
class Description:
    """What an engine says of the model it has loaded."""

    context_length: int
    """Tokens of prompt and answer that one sequence may take."""
    slots: int
    """Sequences that it works on at once."""
    tools: bool
    """Whether the chat template has a place for tools."""


class Engine(Protocol):
    """Speaks the protocol of one kind of engine."""

    def check(self, request: pb.GenerateRequest) -> None:
        """Raises NotBuilt and InvalidField for what this kind of engine can never answer; no I/O."""

    def generate(self, request: pb.GenerateRequest, seed: int | None) -> AsyncGenerator[Event, None]:
        """One answer, whatever `options.n` says; `seed` stands in for the one in the options.

        Closing the generator ends the work in the engine at once. Raises SobanError: EngineLost when the engine died or
        fell silent, EngineOverloaded, NoReplica, ContextOverflow, InvalidField, NotBuilt.
        """

    async def describe(self) -> Description:
        """Raises SobanError as `generate` does."""

    async def healthy(self) -> bool:
        """Whether it has its model loaded and answers."""
