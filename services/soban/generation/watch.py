"""Load as it changes, for those who scale: `WatchLoad`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Sequence

import soban.v1 as pb
from soban.runtime.errors import InvalidField

_DEFAULT_SECONDS, _SHORTEST_SECONDS, _LONGEST_SECONDS = 1.0, 0.1, 60.0
# How soon a change is seen at the latest. Looking costs some 20 microseconds a model.
_LOOK_SECONDS = 0.1

Read = Callable[[Sequence[str]], list[pb.ModelLoad]]
"""The loads of the named models, all without names. Raises ModelNotFound."""


class LoadWatch:
    """Answers every watcher from `read`; `close` ends them all, for a server that stops.

    `sign_of_life` is after how many seconds without a change the load is told again.
    """

    def __init__(self, read: Read, sign_of_life: float = 5.0) -> None:
        self._read = read
        self._sign_of_life = sign_of_life
        self._closed = asyncio.Event()

    async def watch(self, request: pb.WatchLoadRequest) -> AsyncGenerator[pb.WatchLoadResponse, None]:
        """The load at once, after each change no sooner than `min_interval`, and again as a sign of life.

        Age alone is no change. Raises InvalidField and ModelNotFound.
        """
        interval = _interval(request)
        names = tuple(request.models)
        told: list[pb.ModelLoad] | None = None
        last = 0.0
        while not self._closed.is_set():
            loads = self._read(names)
            now = time.monotonic()
            if told is None or now - last >= max(interval, self._sign_of_life) or _differ(loads, told):
                told, last = loads, now
                yield pb.WatchLoadResponse(loads=loads)
                await self._sleep(interval)
            else:
                await self._sleep(min(interval, _LOOK_SECONDS))

    def close(self) -> None:
        """No watcher gets more."""
        self._closed.set()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()


def _interval(request: pb.WatchLoadRequest) -> float:
    if not request.HasField("min_interval"):
        return _DEFAULT_SECONDS
    given = request.min_interval
    seconds = given.seconds + given.nanos / 1e9
    if not (_SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS and 0 <= given.nanos < 1_000_000_000):
        text = f"must be from {_SHORTEST_SECONDS:g} s to {_LONGEST_SECONDS:g} s"
        raise InvalidField(text, field="min_interval")
    return seconds


def _differ(loads: Sequence[pb.ModelLoad], told: Sequence[pb.ModelLoad]) -> bool:
    return len(loads) != len(told) or any(map(_differs, loads, told))


def _differs(load: pb.ModelLoad, told: pb.ModelLoad) -> bool:
    """In more than the age of its readings."""
    if load.HasField("staleness_seconds") != told.HasField("staleness_seconds"):
        return True
    if not load.HasField("staleness_seconds"):
        return load != told
    alike = pb.ModelLoad()
    alike.CopyFrom(load)
    alike.staleness_seconds = told.staleness_seconds
    return alike != told
