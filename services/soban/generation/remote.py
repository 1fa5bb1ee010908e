"""An engine that somebody else runs: asked now and then whether it is there."""

from __future__ import annotations

import asyncio
import logging

from soban.generation.engines.http import Endpoint
from soban.generation.host import Probe

_logger = logging.getLogger(__name__)


class RemoteHost:
    """The llama.cpp server at `url`, probed every so many seconds."""

    def __init__(self, name: str, url: str, *, every_ready: float = 2.0, every_away: float = 0.5) -> None:
        self._name = name
        self._endpoint = Endpoint(url.rstrip("/"))
        self._every = {True: every_ready, False: every_away}
        self._ready = False
        self._watching: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """As `Host.ready`."""
        return self._ready

    @property
    def loading(self) -> bool:
        """Not known from outside."""
        return False

    def endpoint(self) -> Endpoint:
        """As `Host.endpoint`; its probe asks there also while it is away."""
        return self._endpoint

    async def start(self, probe: Probe) -> None:
        """Returns after the first probe, whatever it said: the engine may come later."""
        self._tell(await probe())
        self._watching = asyncio.create_task(self._watch(probe), name=f"watch-{self._name}")

    async def stop(self) -> None:
        """As `Host.stop`; the engine itself runs on."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        self._ready = False

    async def _watch(self, probe: Probe) -> None:
        while True:
            await asyncio.sleep(self._every[self._ready])
            self._tell(await probe())

    def _tell(self, ready: bool) -> None:
        if ready != self._ready:
            self._ready = ready
            _logger.info("engine is there" if ready else "engine is away", extra={"model": self._name})
