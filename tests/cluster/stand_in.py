"""A stand-in for a generation pod: tells load by `soban.v1`'s WatchLoad, as a simulation has it. It serves no model."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any

import grpc

import soban.v1 as pb

Loads = Callable[[], Sequence[pb.ModelLoad]]
_SIGN_OF_LIFE_SECONDS = 5.0
_LEAST_INTERVAL_SECONDS = 0.05


class StandIn(pb.GenerationServiceServicer):
    """`async with` serves at `host`, on a port of its own; `loads` gives all models as they are now."""

    def __init__(self, host: str, loads: Loads) -> None:
        self._host = host
        self._loads = loads
        self._news = asyncio.Condition()
        self._changes = 0
        self.port = 0
        """Known once entered."""

    async def __aenter__(self) -> StandIn:
        self._server = grpc.aio.server()
        pb.add_GenerationServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"{self._host}:0")
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop(0)

    async def changed(self) -> None:
        """All watchers get to know the loads at once, or after the interval that they asked for."""
        async with self._news:
            self._changes += 1
            self._news.notify_all()

    async def WatchLoad(self, request: pb.WatchLoadRequest, context: Any) -> AsyncIterator[pb.WatchLoadResponse]:
        """The loads now, after each change, and again every 5 s."""
        interval = request.min_interval.ToNanoseconds() / 1e9 or 1.0
        while True:
            told = self._changes
            yield pb.WatchLoadResponse(loads=self._wanted(request))
            await asyncio.sleep(max(interval, _LEAST_INTERVAL_SECONDS))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SIGN_OF_LIFE_SECONDS), self._news:
                    await self._news.wait_for(lambda told=told: self._changes != told)

    async def GetLoad(self, request: pb.GetLoadRequest, context: Any) -> pb.GetLoadResponse:
        """The loads now."""
        return pb.GetLoadResponse(loads=self._wanted(request))

    def _wanted(self, request: pb.WatchLoadRequest | pb.GetLoadRequest) -> list[pb.ModelLoad]:
        loads = sorted(self._loads(), key=lambda load: load.model)
        return [load for load in loads if not request.models or load.model in request.models]
