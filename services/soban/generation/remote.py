"""An engine that somebody else runs: asked now and then whether it is there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from soban.generation.engines.http import Endpoint
from soban.generation.host import Probe

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds between two probes, and how many have to fail in a row before an engine that was there is away.

    A busy engine may miss one: TGI's and vLLM's `/health` wait behind the work of their event loops.
    """

    ready: float = 2.0
    away: float = 0.5
    longest_away: float = 5.0
    """Pauses double from `away` to this."""
    misses: int = 3


class RemoteHost:
    """The engine at `endpoint`; `name` is how log lines call it."""

    def __init__(self, name: str, endpoint: Endpoint, rhythm: Rhythm | None = None) -> None:
        self._name = name
        self._endpoint = endpoint
        self._rhythm = rhythm or Rhythm()
        self._ready = False
        self._asked = False
        self._misses = 0
        self._doubted = asyncio.Event()
        self._call: Callable[[], None] | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """As `Host.ready`."""
        return self._ready

    @property
    def loading(self) -> bool:
        """Not known from outside, but it may be there until it was asked once."""
        return not self._asked

    def endpoint(self) -> Endpoint:
        """As `Host.endpoint`; its probe asks there also while it is away."""
        return self._endpoint

    def on_change(self, call: Callable[[], None]) -> None:
        """As `Host.on_change`."""
        self._call = call

    def doubt(self) -> None:
        """As `Host.doubt`: the loss counts as a probe that failed, and the next probe is now."""
        if self._ready and not self._doubted.is_set():
            self._misses += 1
            self._doubted.set()

    async def start(self, probe: Probe) -> None:
        """Returns after the first probe, whatever it said: the engine may come later."""
        self._tell(await self._ask(probe))
        self._watching = asyncio.create_task(self._watch(probe), name=f"watch-{self._name}")

    async def stop(self) -> None:
        """As `Host.stop`; the engine itself runs on."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        self._ready = False

    async def _watch(self, probe: Probe) -> None:
        while True:
            await self._pause()
            self._doubted.clear()
            self._tell(await self._ask(probe))

    async def _ask(self, probe: Probe) -> bool:
        """What a probe raises is a fault of ours, which must not end the watch."""
        try:
            return await probe()
        except Exception:
            _logger.exception("probe failed", extra={"replica": self._name})
            return False

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds()):
                await self._doubted.wait()

    def _seconds(self) -> float:
        rhythm = self._rhythm
        if self._ready:
            return rhythm.ready if self._misses == 0 else rhythm.away
        return min(rhythm.longest_away, rhythm.away * 2.0 ** min(30, max(0, self._misses - 1)))

    def _tell(self, answers: bool) -> None:
        before = self._ready, self.loading
        self._asked = True
        if answers:
            self._ready, self._misses = True, 0
        else:
            self._misses += 1
            if self._misses >= self._rhythm.misses and self._ready:
                self._ready, self._misses = False, 1
        if self._ready != before[0]:
            _logger.info("engine is there" if self._ready else "engine is away", extra={"replica": self._name})
        if (self._ready, self.loading) != before and self._call is not None:
            self._call()
