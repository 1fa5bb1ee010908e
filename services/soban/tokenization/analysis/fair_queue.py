"""A queue in which callers take turns, however much each of them has put in."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """First in, first out for one caller; one item a turn between callers."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, deque[T]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, caller: Hashable, item: T) -> None:
        """Adds an item of this caller."""
        self._waiting.setdefault(caller, deque()).append(item)
        self._size += 1

    def put_back(self, caller: Hashable, item: T) -> None:
        """Adds an item that goes before all others."""
        self._waiting.setdefault(caller, deque()).appendleft(item)
        self._size += 1
        self._waiting.move_to_end(caller, last=False)

    def take(self) -> T:
        """Removes the next item. Raises KeyError when there is none."""
        caller, items = self._waiting.popitem(last=False)
        item = items.popleft()
        if items:
            self._waiting[caller] = items
        self._size -= 1
        return item

    def drop(self, caller: Hashable) -> None:
        """Forgets what this caller has waiting."""
        self._size -= len(self._waiting.pop(caller, ()))
