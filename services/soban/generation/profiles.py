"""Domain profiles: one model under several names, each with instructions, sampling, adapter and policy of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import soban.v1 as pb
from soban.generation.choices import ChoiceEvent
from soban.generation.served import ServedModel
from soban.generation.target import Visit
from soban.runtime.model_settings import ProfileConfig


class Profile:
    """The Target called `name` over `model`; `safety_policy` is the one that holds, empty for the gateway's default."""

    def __init__(self, name: str, config: ProfileConfig, model: ServedModel, safety_policy: str) -> None:
        self._model = model
        self._variant = model.variant(name, config)
        self._safety_policy = safety_policy

    @property
    def name(self) -> str:
        """As `Target.name`."""
        return self._variant.name

    @property
    def engine(self) -> str:
        """As `Target.engine`."""
        return self._model.engine

    def check(self, request: pb.GenerateRequest) -> None:
        """As `Target.check`."""
        self._model.check(request)

    def generate(self, request: pb.GenerateRequest, visit: Visit) -> AsyncGenerator[ChoiceEvent, None]:
        """As `Target.generate`."""
        return self._model.generate(request, visit, self._variant)

    async def model(self) -> pb.Model:
        """As `Target.model`."""
        told = await self._model.model()
        told.name = self.name
        told.adapter = self._variant.adapter
        told.safety_policy = self._safety_policy
        return told
