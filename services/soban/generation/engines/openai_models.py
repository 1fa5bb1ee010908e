"""The models that a server with an OpenAI API lists, and what it calls the one that is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soban.generation.engines.openai_api import OpenAiApi
from soban.generation.identity import same_model
from soban.runtime.errors import EngineFailed

_PATH = "/v1/models"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """An entry of the list. What it does not say is None or empty."""

    name: str
    root: str = ""
    """Path or repository of the weights."""
    parent: str = ""
    """Of a LoRA adapter: the model below it."""
    context_length: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One list."""

    bases: Sequence[ModelCard]
    adapters: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names and roots of the models that are no adapters, each once."""
        return tuple(dict.fromkeys(name for card in self.bases for name in (card.name, card.root) if name))

    @property
    def context_length(self) -> int | None:
        """The shortest that is told."""
        return min((card.context_length for card in self.bases if card.context_length), default=None)


class ServedModel:
    """The model `wanted`, by name or repository; the only one where that is empty.

    A server calls it as it was told to (`--served-model-name`), and takes requests under that name alone.
    """

    def __init__(self, api: OpenAiApi, wanted: str) -> None:
        self._api = api
        self._wanted = wanted
        self._name = ""
        self._context_length: int | None = None

    async def name(self) -> str:
        """What requests must say. The list is asked for once; `listed` asks again. Raises SobanError."""
        if not self._name:
            await self.listed()
        return self._name

    async def context_length(self) -> int | None:
        """As `name`."""
        if not self._name:
            await self.listed()
        return self._context_length

    async def listed(self) -> Listed:
        """Everything on the list. Raises EngineFailed when there is no model on it, and as `OpenAiApi.get`."""
        told = await self._api.get(_PATH)
        try:
            cards = [_card(entry) for entry in told["data"]]
        except (KeyError, TypeError, AttributeError) as err:
            raise EngineFailed("the engine does not list its models as OpenAI does") from err
        bases = [card for card in cards if not card.parent]
        if not bases:
            raise EngineFailed("the engine lists no model")
        listed = Listed(bases, tuple(card.name for card in cards if card.parent))
        self._name, self._context_length = self._called(bases), listed.context_length
        return listed

    def _called(self, bases: Sequence[ModelCard]) -> str:
        """What nothing on the list stands for goes by its own name: the engine's refusal is the clearest word on it."""
        wanted = self._wanted
        if not wanted or any(card.name == wanted for card in bases):
            return wanted or bases[0].name
        same = (card.name for card in bases if same_model(card.name, wanted) or same_model(card.root, wanted))
        return next(same, wanted)


def _card(entry: Mapping[str, Any]) -> ModelCard:
    length = entry.get("max_model_len")
    return ModelCard(
        str(entry["id"]),
        str(entry.get("root") or ""),
        str(entry.get("parent") or ""),
        length if isinstance(length, int) else None,
    )
