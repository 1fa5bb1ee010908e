"""Which models there are, asked before anything else is told of a request."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import soban.v1 as pb
from soban.runtime.context import Call


class ModelLookup(Protocol):
    """Generation, as far as it is needed here."""

    async def model(self, name: str, call: Call) -> pb.Model:
        """Raises ModelNotFound."""


class ServedModels:
    """Names in the configuration are taken as they are; for others generation is asked."""

    def __init__(self, configured: Collection[str], generation: ModelLookup) -> None:
        self._configured = frozenset(configured)
        self._generation = generation

    async def require(self, name: str, call: Call) -> None:
        """Raises ModelNotFound for a name that nobody serves, or what kept generation from telling."""
        if name not in self._configured:
            await self._generation.model(name, call)
