"""An engine's KV cache: blocks in use, blocks kept for those who come with the same prompt, the oldest evicted."""

from __future__ import annotations

from collections.abc import Sequence

BLOCK_TOKENS = 32


class KvCache:
    """Counts blocks of `BLOCK_TOKENS` tokens. A block's name stands for all text up to its end."""

    def __init__(self, tokens: int) -> None:
        self._free = tokens // BLOCK_TOKENS
        self._used: dict[int, int] = {}
        self._kept: dict[int, None] = {}

    def reserve(self, names: Sequence[int], blocks: int) -> int | None:
        """Room for `blocks`, the first of them called `names`. How many were there already; None if it is too full."""
        known = 0
        for name in names:
            if name not in self._used and name not in self._kept:
                break
            known += 1
        kept = sum(name in self._kept for name in names[:known])
        fresh = blocks - known
        if fresh > self._free + len(self._kept) - kept:
            return None
        for name in names[:known]:
            self._kept.pop(name, None)
            self._used[name] = self._used.get(name, 0) + 1
        while self._free < fresh:
            del self._kept[next(iter(self._kept))]
            self._free += 1
        self._free -= fresh
        return known

    def share(self, names: Sequence[int]) -> None:
        """Reserved blocks are computed and get their names. Who computed the same in the meantime shares its blocks."""
        for name in names:
            if name in self._used or name in self._kept:
                self._free += 1
            self._kept.pop(name, None)
            self._used[name] = self._used.get(name, 0) + 1

    def release(self, names: Sequence[int], rest: int) -> None:
        """All of a request's blocks: `names` are kept while there is room, `rest` have no names."""
        for name in reversed(names):
            self._used[name] -= 1
            if not self._used[name]:
                del self._used[name]
                self._kept[name] = None
        self._free += rest
