"""Consistent hashing: who is asked first for a key, and who next.

Karger et al., "Consistent Hashing and Random Trees" (1997). Pods that know the same replicas agree without a word, and
a replica that comes or goes moves only its own share of the keys.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping
from hashlib import blake2b

_POINTS = 128
"""Of each replica on the ring: shares then differ by about 9 % (1 / sqrt(128))."""
_MOST_GONE = 256
"""Members that were not named when others came: more are taken off."""
_DIGEST_BYTES = 64
_POINT_BYTES = 8


def key_of(text: str) -> int:
    """64 bits, the same in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=_POINT_BYTES).digest())


class Ring:
    """Replicas by id. Those that are not there now may stay on it: who walks skips them, and nothing else moves."""

    def __init__(self) -> None:
        self._points: list[tuple[int, str]] = []
        self._members: set[str] = set()

    def add(self, members: Mapping[str, object]) -> None:
        """By id; those that are there stay where they are."""
        fresh = members.keys() - self._members
        if not fresh:
            return
        for member in fresh:
            self._members.add(member)
            for point in _points(member):
                insort(self._points, (point, member))
        if len(self._members) - len(members) > _MOST_GONE:
            self._members.intersection_update(members)
            self._points = [point for point in self._points if point[1] in members]

    def remove(self, member: str) -> None:
        """Not being there is fine."""
        if member in self._members:
            self._members.remove(member)
            self._points = [point for point in self._points if point[1] != member]

    def walk(self, key: int) -> Iterator[str]:
        """Members clockwise from `key`, each as often as it has points there, once around."""
        begin = bisect_right(self._points, (key, ""))
        for index in range(len(self._points)):
            yield self._points[index + begin - len(self._points)][1]


def _points(member: str) -> Iterator[int]:
    each = _DIGEST_BYTES // _POINT_BYTES
    for number in range(_POINTS // each):
        digest = blake2b(f"{number}:{member}".encode(), digest_size=_DIGEST_BYTES).digest()
        for start in range(0, _DIGEST_BYTES, _POINT_BYTES):
            yield int.from_bytes(digest[start : start + _POINT_BYTES])
