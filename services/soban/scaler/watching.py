"""Listens to every generation pod that there is, from when it is found until it is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, Protocol

import soban.v1 as pb
from soban.runtime.process import Backoff
from soban.scaler.pods import Pods

_logger = logging.getLogger(__name__)

# Well within the time for which a silent pod's numbers count.
_BACKOFF = Backoff(first=0.1, longest=2.0)


class PodLost(Exception):  # noqa: N818 - named by what went wrong
    """A pod tells no more; the message says in a word how that showed."""


class Addresses(Protocol):
    """Where the pods are; runtime's `HostAddresses` is one."""

    def watch(self) -> AsyncGenerator[frozenset[str], None]:
        """All addresses at once, and again each time they are others; it never ends."""


Listen = Callable[[str], AsyncGenerator[Iterable[pb.ModelLoad], None]]
"""The loads of all models of the pod at an address, each time it tells them. Raises PodLost; an end without is one of
which the pod is no worse, so that it is asked again."""


class Watching:
    """Between `start` and `stop` everything that is heard goes to `pods`."""

    def __init__(self, addresses: Addresses, listen: Listen, pods: Pods, backoff: Backoff = _BACKOFF) -> None:
        self._addresses = addresses
        self._listen = listen
        self._pods = pods
        self._backoff = backoff
        self._finder: asyncio.Task[None] | None = None
        self._listeners: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Begins to look for pods, and to listen to those that are found."""
        self._finder = self._begin(self._find(), "generation-pods")

    async def stop(self) -> None:
        """Listens to none any more."""
        tasks = [*self._listeners.values(), *([self._finder] if self._finder is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _find(self) -> None:
        async with aclosing(self._addresses.watch()) as sets:
            async for addresses in sets:
                self._pods.found(addresses)
                for address in self._listeners.keys() - addresses:
                    self._listeners.pop(address).cancel()
                    _logger.info("generation pod gone", extra={"address": address})
                for address in addresses - self._listeners.keys():
                    self._listeners[address] = self._begin(self._keep_listening(address), f"generation-pod-{address}")
                    _logger.info("generation pod found", extra={"address": address})

    async def _keep_listening(self, address: str) -> None:
        failures, lost = 0, False
        while True:
            try:
                async with aclosing(self._listen(address)) as told:
                    async for loads in told:
                        self._pods.heard(address, loads)
                        failures, lost = 0, False
            except PodLost as err:
                if not lost:
                    _logger.warning("generation pod lost", extra={"address": address, "why": str(err)})
                lost = True
            failures += 1
            await asyncio.sleep(self._backoff.pause(failures))

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Work that fails is our bug: then nothing is known any more, rather than what was known last."""
        if not task.cancelled() and (error := task.exception()) is not None:
            _logger.critical("watching failed", exc_info=error, extra={"task": task.get_name()})
            self._pods.found(frozenset())
