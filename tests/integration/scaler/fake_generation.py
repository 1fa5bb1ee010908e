"""Generation pods that speak `soban.v1`, each at a loopback address of its own, and a name server that knows them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import grpc

import soban.v1 as pb
from soban.runtime.host_addresses import Answer

_LOOK_SECONDS = 0.1


class GenerationPod(pb.GenerationServiceServicer):
    """Answers `WatchLoad` as generation does: looks every 0.1 s, tells changes, and a sign of life every 5 s."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.loads: dict[str, pb.ModelLoad] = {}
        self.watchers = 0
        self.hangs = False
        self._server: grpc.aio.Server | None = None

    def tell(self, *loads: pb.ModelLoad) -> None:
        """From now on."""
        self.loads = {load.model: load for load in loads}

    async def start(self, port: int) -> int:
        """Serves at this port, or a free one for 0."""
        self._server = grpc.aio.server()
        pb.add_GenerationServiceServicer_to_server(self, self._server)
        bound = self._server.add_insecure_port(f"{self.address}:{port}")
        await self._server.start()
        return bound

    async def kill(self) -> None:
        """Its connections break."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    async def WatchLoad(self, request: pb.WatchLoadRequest, _: Any) -> AsyncGenerator[pb.WatchLoadResponse, None]:
        assert request.min_interval.ToMilliseconds() == 100
        assert not request.models
        self.watchers += 1
        try:
            async for told in self._changes():
                yield pb.WatchLoadResponse(loads=told)
        finally:
            self.watchers -= 1

    async def _changes(self) -> AsyncIterator[list[pb.ModelLoad]]:
        told: list[pb.ModelLoad] | None = None
        quiet = 0.0
        while True:
            loads = list(self.loads.values())
            if (loads != told or quiet >= 5.0) and not self.hangs:
                told, quiet = loads, 0.0
                yield loads
            await asyncio.sleep(_LOOK_SECONDS)
            quiet += _LOOK_SECONDS

    Generate = StreamGenerate = Embed = ListModels = GetModel = GetLoad = None  # type: ignore[assignment]


class Generation:
    """Pods behind one name. `await generation.pod()` starts one that the name server knows."""

    def __init__(self) -> None:
        self.port = 0
        self.pods: list[GenerationPod] = []
        self.known: list[str] = []
        self.failure: OSError | None = None

    async def pod(self, *loads: pb.ModelLoad) -> GenerationPod:
        pod = GenerationPod(f"127.0.0.{len(self.pods) + 2}")
        pod.tell(*loads)
        self.port = await pod.start(self.port)
        self.pods.append(pod)
        self.known.append(pod.address)
        return pod

    def leaves(self, pod: GenerationPod) -> None:
        """Discovery no longer has it; it goes on telling."""
        self.known.remove(pod.address)

    async def resolve(self, host: str, port: int) -> Answer:
        """As `Resolve`."""
        assert (host, port) == ("generation.test", self.port)
        if self.failure is not None:
            raise self.failure
        if not self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, address) for address in self.known]

    async def stop(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*(pod.kill() for pod in self.pods))
