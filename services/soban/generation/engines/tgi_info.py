"""What a TGI says of itself at `/info`: its model and its limits.

Names are those of `Info` in TGI's router/src/lib.rs, with the ones that older versions had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import soban.v1 as pb
from soban.generation.engines.openai_errors import overflow
from soban.runtime.errors import EngineFailed


@dataclass(frozen=True, slots=True)
class Info:
    """What is None is not told."""

    model: str
    version: str
    total_tokens: int | None
    """Most of prompt and answer together."""
    input_tokens: int | None
    """Most of a prompt."""
    requests: int | None
    """Most at once, those that wait in it included; one more is refused as overload."""
    always_samples: bool
    """Whether it is the llama.cpp backend: that one reads no `do_sample`, ignores grammars, and tells log-probabilities
    as they are after sampling filters. backends/llamacpp/src/main.rs sets its number of stop texts to 0; the other
    backends have 4 unless told otherwise."""

    def room(self, request: pb.GenerateRequest, tokens: int) -> int | None:
        """Most new tokens after a prompt of `tokens`. Raises ContextOverflow where it leaves none."""
        if self.input_tokens is not None and tokens > self.input_tokens:
            raise overflow(request, tokens, self.input_tokens)
        if self.total_tokens is None:
            return None
        if tokens >= self.total_tokens:
            raise overflow(request, tokens, self.total_tokens)
        return self.total_tokens - tokens


def info_of(told: Mapping[str, Any]) -> Info:
    """Raises EngineFailed where it is no TGI that speaks."""
    model = told.get("model_id")
    if not isinstance(model, str) or "max_concurrent_requests" not in told:
        raise EngineFailed("the engine does not describe itself as TGI does")
    return Info(
        model=model,
        version=str(told.get("version") or ""),
        total_tokens=_count(told.get("max_total_tokens")),
        input_tokens=_count(told.get("max_input_tokens", told.get("max_input_length"))),
        requests=_count(told.get("max_concurrent_requests")),
        always_samples=told.get("max_stop_sequences") == 0,
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
