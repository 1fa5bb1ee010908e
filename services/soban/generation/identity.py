"""Does a replica serve the right model? Names and paths that engines tell against the name that is wanted.

What counts as the same model:
    the same name, whatever its case                         kakaocorp/kanana-1.5-8b-instruct-2505
    a hub name with llama.cpp's choice of a file             owner/repo:Q4_K_M                          is owner/repo
    a path in the hub's cache                                .../models--owner--repo/snapshots/1a2b/... is owner/repo
    a path of which the last part is the wanted name's       /models/repo, /models/repo.gguf            is owner/repo
A name of another owner is another model, and so is another tag of a name without owner ("exaone3.5:2.4b" of an engine
is not "exaone3.5"). vLLM lists adapters beside its model: one right name among several is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from soban.runtime.model_settings import ModelConfig

_HUB = "hf://"
_CACHED = re.compile(r"models--([^/]+?)--([^/]+)")
_SUFFIX = ".gguf"
_MOST_NAMES = 5


def wanted_names(config: ModelConfig) -> tuple[str, ...]:
    """Each of them is right; none means that anything is, as long as all replicas agree."""
    if config.engine_model:
        return (config.engine_model,)
    if not config.url.startswith(_HUB):
        return ()
    owner, repository, *file = config.url.removeprefix(_HUB).split("/", 2)
    return (f"{owner}/{repository}", *file)


def same_model(one: str, other: str) -> bool:
    """By the rules above; which of them was told and which is wanted makes no difference."""
    (name, tag), (other_name, other_tag) = _spelled(one), _spelled(other)
    same = name == other_name and (tag == other_tag or ("/" in name and not (tag and other_tag)))
    return same or _last_part_of_path(one, other)


class Identity:
    """Judges the replicas of the model called `model`."""

    def __init__(self, model: str, wanted: Sequence[str]) -> None:
        self._model = model
        self._wanted = tuple(wanted)
        self._told: dict[str, tuple[str, ...]] = {}

    def judge(self, replica: str, told: Sequence[str], adapters: Iterable[str] = ()) -> str:
        """Why the replica called so is not the right one; empty if it is, or if its engine names no model.

        `told` is what its engine calls its models, `adapters` those of them that are LoRA adapters.
        """
        models = tuple(name for name in told if name not in frozenset(adapters))
        self.forget(replica)
        if not told:
            return ""
        if self._wanted:
            return "" if _agree(told, self._wanted) else self._wrong(replica, told, self._wanted[0])
        for other, names in self._told.items():
            if not _agree(models, names):
                return f"{self._wrong(replica, models, names[0])} (as {other} does)"
        if models:
            self._told[replica] = models
        return ""

    def forget(self, replica: str) -> None:
        """It is away: when it comes back it may hold another model, and nobody has to agree with it meanwhile."""
        self._told.pop(replica, None)

    def _wrong(self, replica: str, told: Sequence[str], wanted: str) -> str:
        names = ", ".join(f"'{name}'" for name in told[:_MOST_NAMES]) + (", ..." if len(told) > _MOST_NAMES else "")
        return f"replica {replica} serves {names}, not '{wanted}'; set models.{self._model}.engineModel"


def _agree(told: Iterable[str], wanted: Sequence[str]) -> bool:
    return any(same_model(name, want) for name in told for want in wanted)


def _spelled(name: str) -> tuple[str, str]:
    """Name and tag, so that equal ones are the same."""
    name = name.casefold().rstrip("/")
    if cached := _CACHED.search(name):
        return f"{cached[1]}/{cached[2]}", ""
    name, _, tag = name.partition(":")
    return name, tag


def _last_part_of_path(one: str, other: str) -> bool:
    """Whether one of them at least is a path, and both end with the same name."""
    return (_is_path(one) or _is_path(other)) and _stem(one) == _stem(other)


def _is_path(name: str) -> bool:
    return name.startswith(("/", "./", "../", "~")) or name.casefold().endswith(_SUFFIX)


def _stem(name: str) -> str:
    return PurePosixPath(name.casefold().rstrip("/")).name.removesuffix(_SUFFIX)
