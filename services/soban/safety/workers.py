"""Where work runs: short work at once, long work in a thread, so that one long text does not hold up the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

LONG: Final = 4_096
"""Size from which work is long: a millisecond of scanning as a rule, 15 for the worst text there is."""


class Workers:
    """A bounded pool of threads."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="safety")

    async def run(self, size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The outcome of `work`; `size` is about how many bytes of text it has to go through."""
        if size < LONG:
            return work(*args, **kwargs)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))

    def close(self) -> None:
        """Takes no more work; what runs is let to its end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
