"""What clients may send, checked, with the paths of what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message

import soban.v1 as pb
from soban.runtime.errors import InvalidField, NotBuilt, TextTooLong
from soban.safety.check import Passage
from soban.safety.decisions import Direction
from soban.safety.passages import passages_of, path_of
from soban.safety.spans import MEASURES, Measure, Unit
from soban.safety.taxonomy import leaves

MOST_TEXTS = 1_024
UNBUILT: Final = ("keep_values", "keep_for", "vault", "tenant")
"""Fields of the contract that this release refuses rather than ignores."""

_LONGEST_CODE_POINT_BYTES = 4
_UNITS: dict[int, Unit] = {0: Unit.CODE_POINT} | {unit.value: unit for unit in Unit}


@dataclass(frozen=True, slots=True)
class TextLimit:
    """The longest text that is taken, in UTF-8 bytes."""

    most_bytes: int

    def check(self, text: str, path: str) -> None:
        """Raises TextTooLong."""
        if len(text) * _LONGEST_CODE_POINT_BYTES > self.most_bytes and len(text.encode()) > self.most_bytes:
            raise TextTooLong(f"longer than {self.most_bytes:,} bytes of UTF-8", field=path)


def read_check(request: pb.CheckRequest, limit: TextLimit) -> tuple[list[Passage], Direction, Measure]:
    """What is to be judged and how. Raises SobanError."""
    if bool(request.text) == bool(request.messages):
        raise InvalidField("exactly one of text and messages must be given, and not be empty", field="text")
    refuse_unbuilt(request)
    direction, measure = direction_of(request.direction, Direction.INPUT), measure_of(request.offset_unit)
    passages = passages_of(request, direction)
    for passage in passages:
        limit.check(passage.text, path_of(passage, request))
    return passages, direction, measure


def read_mask(request: pb.MaskRequest, limit: TextLimit) -> tuple[frozenset[str], Measure]:
    """The categories that are asked for, and the unit. Raises SobanError."""
    count_of(request.texts, "texts")
    refuse_unbuilt(request)
    for index, text in enumerate(request.texts):
        limit.check(text, f"texts[{index}]")
    return categories_of(request.categories), measure_of(request.offset_unit)


def count_of(items: Sized, path: str) -> None:
    """Raises InvalidField unless there are 1 to MOST_TEXTS."""
    if not 1 <= len(items) <= MOST_TEXTS:
        raise InvalidField(f"must be 1 to {MOST_TEXTS:,}", field=path)


def categories_of(names: Iterable[str]) -> frozenset[str]:
    """All leaves that the names cover. Raises InvalidField for a name that is not in the tree."""
    found: set[str] = set()
    for index, name in enumerate(names):
        covered = set(leaves(name))
        if not covered:
            raise InvalidField("no category of that name", field=f"categories[{index}]")
        found |= covered
    return frozenset(found)


def direction_of(value: int, unset: Direction, path: str = "direction") -> Direction:
    """Raises InvalidField for a number that the contract does not have."""
    if value == pb.DIRECTION_UNSPECIFIED:
        return unset
    if value not in (Direction.INPUT.value, Direction.OUTPUT.value):
        raise InvalidField("no such direction", field=path)
    return Direction(value)


def measure_of(value: int, path: str = "offset_unit") -> Measure:
    """Raises InvalidField for a number that the contract does not have."""
    if value not in _UNITS:
        raise InvalidField("no such unit", field=path)
    return MEASURES[_UNITS[value]]


def refuse_unbuilt(message: Message, path: str = "") -> None:
    """Raises NotBuilt for the first field that is set and would do nothing."""
    named = (name for name in UNBUILT if name in message.DESCRIPTOR.fields_by_name)
    for name in named:
        is_set = message.HasField(name) if name == "keep_for" else getattr(message, name)
        if is_set:
            raise not_built(f"{path}{name}")


def not_built(feature: str) -> NotBuilt:
    """For what the contract has and this release does not."""
    return NotBuilt(f"{feature} is not built in this release", metadata={"feature": feature})
