"""Which replica has been sent which begin of a prompt, and so has it in its cache as far as we know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_BLOCKS_OF_ALL = 65_536
"""Remembered blocks over all replicas: about 20 MB at most."""
_BLOCKS_OF_ONE = 8_192


class PrefixMemory:
    """Blocks by replica, least recently sent forgotten first, as engines do with their caches.

    `cache_tokens` is how many tokens may pass through a replica until what it had before is taken to be evicted.
    """

    def __init__(self, cache_tokens: float) -> None:
        self._cache_tokens = cache_tokens
        self._holders: dict[int, int] = {}
        """Block hash to a bit for each replica."""
        self._bits: dict[str, int] = {}
        self._sent: dict[str, _Sent] = {}

    def __len__(self) -> int:
        return sum(len(sent.stamps) for sent in self._sent.values())

    def depths(self, prefix: Iterable[int]) -> Mapping[str, int]:
        """Blocks of `prefix` that a replica has, for those that have one at least."""
        alive, depth, depths = -1, 0, {}
        for block in prefix:
            holders = self._holders.get(block, 0) & alive
            if holders != alive and depth:
                depths.update(dict.fromkeys(self._names(alive & ~holders), depth))
            alive = holders
            if not alive:
                break
            depth += 1
        if alive > 0:
            depths.update(dict.fromkeys(self._names(alive), depth))
        return depths

    def add(self, replica: str, prefix: tuple[int, ...], tokens: float) -> None:
        """`tokens` are those that the request adds to the replica's cache, answer included."""
        sent = self._sent.get(replica)
        if sent is None:
            sent = self._sent[replica] = _Sent()
            self._bits[replica] = self._free_bit()
        bit = self._bits[replica]
        sent.passed += tokens
        # The first block last: no block is then older than one behind it, so none is forgotten before those.
        for block in reversed(prefix):
            sent.stamps.pop(block, None)
            sent.stamps[block] = sent.passed
            self._holders[block] = self._holders.get(block, 0) | bit
        self._expire(sent, bit)

    def forget(self, replica: str) -> None:
        """Its cache is gone."""
        sent = self._sent.pop(replica, None)
        if sent is not None:
            bit = self._bits.pop(replica)
            for block in sent.stamps:
                self._drop(block, bit)

    def _expire(self, sent: _Sent, bit: int) -> None:
        most = min(_BLOCKS_OF_ONE, _BLOCKS_OF_ALL // len(self._sent))
        oldest = sent.passed - self._cache_tokens
        gone = []
        for number, (block, stamp) in enumerate(sent.stamps.items()):
            if stamp >= oldest and len(sent.stamps) - number <= most:
                break
            gone.append(block)
        for block in gone:
            del sent.stamps[block]
            self._drop(block, bit)

    def _drop(self, block: int, bit: int) -> None:
        left = self._holders[block] & ~bit
        if left:
            self._holders[block] = left
        else:
            del self._holders[block]

    def _names(self, holders: int) -> list[str]:
        return [name for name, bit in self._bits.items() if holders & bit]

    def _free_bit(self) -> int:
        taken = 0
        for bit in self._bits.values():
            taken |= bit
        return ~taken & (taken + 1)


class _Sent:
    """To one replica: tokens that have passed through it, and how many had when a block was sent last."""

    __slots__ = ("passed", "stamps")

    def __init__(self) -> None:
        self.passed = 0.0
        self.stamps: dict[int, float] = {}
