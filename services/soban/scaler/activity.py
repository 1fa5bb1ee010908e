"""Streams that tell whether a model has work, as it changes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Set

from soban.scaler.telling import Telling

# A stream that ends with a status OK makes KEDA wait 2 s before the next one; after an error it waits twice as long as
# the last time, up to a minute, and forgets that only at an OK (v2.20.2, pkg/scalers/external_scaler.go, Run). So all
# streams end with OK, before the server's longest call does it otherwise, and not all at once.
_SHARE_OF_LONGEST = (0.8, 0.95)


class _Watcher:
    """One stream that waits for news."""

    def __init__(self) -> None:
        self.telling = Telling()
        self.news = asyncio.Event()


class Activity:
    """`active` says whether a model has work now, None for unknown. A stream ends after `longest` seconds at most, and
    all do at `close`."""

    def __init__(
        self,
        active: Callable[[str], bool | None],
        longest: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._active = active
        self._longest = longest
        self._clock = clock
        self._watchers: dict[str, set[_Watcher]] = {}
        self._closed = asyncio.Event()

    def changed(self, models: Set[str], begun: Set[str]) -> None:
        """As `Listener.changed`."""
        for model in models & self._watchers.keys():
            for watcher in self._watchers[model]:
                if model in begun:
                    watcher.telling.begun()
                watcher.news.set()

    async def watch(self, model: str) -> AsyncGenerator[bool, None]:
        """What is known at once, each change, each begin of work, and the same again every 5 s. Silent while nothing is
        known, also of a model that no generation pod serves yet: an end would be followed by a long pause."""
        ends_at = self._ends_at()
        with self._watcher(model) as watcher:
            while not self._closed.is_set() and (now := self._clock()) < ends_at:
                watcher.news.clear()
                while (told := watcher.telling.next(now, self._active(model))) is not None:
                    yield told
                await self._news(watcher, min(ends_at - now, watcher.telling.look_again(now)))

    async def until_end(self) -> None:
        """As long as a stream of `watch` would take that has nothing to tell."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._ends_at() - self._clock()):
                await self._closed.wait()

    def close(self) -> None:
        """All streams end, and new ones at once."""
        self._closed.set()
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.news.set()

    @contextlib.contextmanager
    def _watcher(self, model: str) -> Iterator[_Watcher]:
        watcher = _Watcher()
        self._watchers.setdefault(model, set()).add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[model].discard(watcher)
            if not self._watchers[model]:
                del self._watchers[model]

    async def _news(self, watcher: _Watcher, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await watcher.news.wait()

    def _ends_at(self) -> float:
        return self._clock() + self._longest * random.uniform(*_SHARE_OF_LONGEST)  # noqa: S311 - jitter
