"""What an adapter is made from."""

from __future__ import annotations

from dataclasses import dataclass

from soban.generation.engines.http import EngineHttp
from soban.runtime.model_settings import ModelConfig


@dataclass(frozen=True, slots=True)
class EngineContext:
    """One replica of a model."""

    http: EngineHttp
    """Bound to the replica."""
    name: str
    """The model's, as configured: errors name the keys of `models.<name>` by it."""
    model: str
    """The model's name in the engine; empty when the engine is to be asked."""
    config: ModelConfig
