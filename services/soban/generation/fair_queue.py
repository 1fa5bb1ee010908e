"""Whose turn is next: classes strictly in order, and the tenants of a class by tokens of work. Pure: no clock, no I/O.

Within a class this is self-clocked fair queueing (Golestani, INFOCOM 1994). The virtual time of a class is the tag of
the last request that was taken; the tag of a tenant's first request is where the tenant stands plus the work of that
request, and the smallest tag is next. A tenant with nothing waiting never stands beyond the virtual time, so that it
is forgotten at once and nothing is lost: memory is that of the waiting requests. A tenant that comes back waits for
at most one request of each other tenant beyond its share.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from typing import Generic, Protocol, TypeVar

_SPARE_TAGS = 16


class Waiting(Hashable, Protocol):
    """A request that waits. None of it changes while it does."""

    @property
    def level(self) -> int:
        """Its class; 0 is served first."""

    @property
    def tenant(self) -> str:
        """Who sent it."""

    @property
    def work(self) -> float:
        """Tokens, more than 0."""


W = TypeVar("W", bound=Waiting)


class FairQueue(Generic[W]):
    """Waiting requests of `levels` classes. Every operation takes O(log n), most of them O(1)."""

    def __init__(self, levels: int) -> None:
        self._levels: list[_Level[W]] = [_Level() for _ in range(levels)]
        self._arrivals = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def push(self, entry: W) -> None:
        """Behind all others of its tenant."""
        self._arrivals += 1
        self._size += 1
        self._levels[entry.level].push(entry, self._arrivals)

    def put_back(self, entry: W) -> None:
        """In front of its class, behind those that were put back before. It has had its turn and pays no more."""
        self._size += 1
        self._levels[entry.level].put_back(entry)

    def head(self) -> W | None:
        """Whose turn it is."""
        if self._size:
            for level in self._levels:
                if level.size:
                    return level.head()
        return None

    def pin(self, head: W) -> None:
        """The head of its class stays that until it leaves: it needs more places than are free and saves them up."""
        self._levels[head.level].pinned = head

    def take(self, head: W) -> None:
        """Out of the queue, as its turn has come."""
        self._size -= 1
        self._levels[head.level].take(head)

    def remove(self, entry: W) -> None:
        """Out of the queue without a turn: its tenant gets the share back."""
        self._size -= 1
        self._levels[entry.level].remove(entry)

    def anyone_before(self, level: int) -> bool:
        """Whether a newcomer of this class would have to wait for somebody."""
        return self._size > 0 and any(above.size for above in self._levels[: level + 1])

    def work_before(self, newcomer: W) -> float:
        """Tokens of waiting work that go before it, at most, if nobody else comes."""
        above = sum(level.work for level in self._levels[: newcomer.level])
        return above + self._levels[newcomer.level].work_before(newcomer)

    def expendable(self, newcomer: W) -> W | None:
        """Who gives up a place in a full queue to this newcomer, if anyone has to.

        That is the newest of the lowest class below the newcomer's; else, in its own class, the newest of the tenant
        that has most requests waiting, as long as that one still has as many as the newcomer's tenant afterwards.
        """
        for level in reversed(self._levels[newcomer.level + 1 :]):
            if (newest := level.newest()) is not None:
                return newest
        return self._levels[newcomer.level].newest_of_largest(newcomer.tenant)


class _Line(Generic[W]):
    """The requests of one tenant in one class, in order of arrival, each with its number."""

    __slots__ = ("entries", "start", "work")

    def __init__(self, start: float) -> None:
        # A dict would walk over the holes of all that have left to find its first entry.
        self.entries: OrderedDict[W, int] = OrderedDict()
        self.start = start
        self.work = 0.0

    def head(self) -> tuple[W, int]:
        return next(iter(self.entries.items()))


class _Level(Generic[W]):
    """One class."""

    def __init__(self) -> None:
        self.pinned: W | None = None
        self.size = 0
        self.work = 0.0
        self._time = 0.0
        self._returned: OrderedDict[W, None] = OrderedDict()
        self._fresh: OrderedDict[W, None] = OrderedDict()
        self._lines: dict[str, _Line[W]] = {}
        self._sizes = _Sizes()
        # (tag, number of the request, line): valid while that request is the first of that line.
        self._tags: list[tuple[float, int, _Line[W]]] = []

    def push(self, entry: W, number: int) -> None:
        line = self._lines.get(entry.tenant)
        if line is None:
            line = self._lines[entry.tenant] = _Line(self._time)
        self._sizes.move(entry.tenant, len(line.entries), len(line.entries) + 1)
        line.entries[entry] = number
        line.work += entry.work
        self._fresh[entry] = None
        self.size += 1
        self.work += entry.work
        if len(line.entries) == 1:
            self._tag(line)

    def put_back(self, entry: W) -> None:
        self.pinned = None
        self._returned[entry] = None
        self.size += 1
        self.work += entry.work

    def head(self) -> W:
        if self.pinned is not None:
            return self.pinned
        if self._returned:
            return next(iter(self._returned))
        while True:
            _, number, line = self._tags[0]
            if line.entries:
                entry, first = line.head()
                if first == number:
                    return entry
            heappop(self._tags)

    def take(self, head: W) -> None:
        line = self._lines.get(head.tenant)
        if head not in self._returned and line is not None:
            line.start += head.work
            self._time = max(self._time, line.start)
        self.remove(head)

    def remove(self, entry: W) -> None:
        if self.pinned is entry:
            self.pinned = None
        self.size -= 1
        self.work -= entry.work
        if entry in self._returned:
            del self._returned[entry]
        else:
            self._remove_fresh(entry)
        if not self.size:
            self._forget()

    def work_before(self, newcomer: W) -> float:
        """All of it, or an equal share for each tenant up to the newcomer's own end, whichever is less."""
        line = self._lines.get(newcomer.tenant)
        tenants = len(self._lines) + (line is None)
        own = line.work if line is not None else 0.0
        return min(self.work, tenants * (own + newcomer.work))

    def newest(self) -> W | None:
        return next(reversed(self._fresh), None)

    def newest_of_largest(self, tenant: str) -> W | None:
        line = self._lines.get(tenant)
        if self._sizes.largest < (len(line.entries) if line is not None else 0) + 2:
            return None
        return next(reversed(self._lines[self._sizes.largest_tenant()].entries))

    def _remove_fresh(self, entry: W) -> None:
        line = self._lines[entry.tenant]
        was_first = line.head()[0] is entry
        self._sizes.move(entry.tenant, len(line.entries), len(line.entries) - 1)
        del line.entries[entry], self._fresh[entry]
        line.work -= entry.work
        if not line.entries:
            del self._lines[entry.tenant]
        elif was_first:
            self._tag(line)

    def _tag(self, line: _Line[W]) -> None:
        entry, number = line.head()
        heappush(self._tags, (line.start + entry.work, number, line))
        if len(self._tags) > 2 * len(self._lines) + _SPARE_TAGS:
            self._tags = [tag for tag in self._tags if tag[2].entries and tag[2].head()[1] == tag[1]]
            heapify(self._tags)

    def _forget(self) -> None:
        """Nobody waits: sums start anew, so that rounding never adds up."""
        self._tags.clear()
        self._time = self.work = 0.0


class _Sizes:
    """Tenants by how many requests they have waiting. Sizes change by one, so that every operation takes O(1)."""

    def __init__(self) -> None:
        self.largest = 0
        self._tenants: dict[int, OrderedDict[str, None]] = {}

    def move(self, tenant: str, old: int, new: int) -> None:
        if old:
            del self._tenants[old][tenant]
            if not self._tenants[old]:
                del self._tenants[old]
        if new:
            self._tenants.setdefault(new, OrderedDict())[tenant] = None
        if new > self.largest or self.largest not in self._tenants:
            self.largest = new

    def largest_tenant(self) -> str:
        return next(iter(self._tenants[self.largest]))
