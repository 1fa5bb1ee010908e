"""Which safety policy a request is under."""

from __future__ import annotations

from collections.abc import Mapping

import soban.v1 as pb
from soban.runtime.settings import ModelConfig


class Policies:
    """The request's own, else its model's, else the default."""

    def __init__(self, default: str, models: Mapping[str, ModelConfig]) -> None:
        self._default = default
        self._of_model = {name: model.safety_policy for name, model in models.items() if model.safety_policy}

    def of(self, chat: pb.ChatRequest) -> str:
        """Name of the policy; safety says whether it exists."""
        return chat.safety_policy or self._of_model.get(chat.model, self._default)
