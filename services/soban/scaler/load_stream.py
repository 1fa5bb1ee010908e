"""The load of one generation pod as it tells it: `WatchLoad` over a channel of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable

import grpc
from google.protobuf.duration_pb2 import Duration

import soban.v1 as pb
from soban.runtime.channels import open_channel
from soban.runtime.telemetry import Telemetry
from soban.scaler.watching import PodLost

_SHORTEST = Duration(nanos=100_000_000)  # the least that WatchLoad takes as `min_interval`


class _LongestReached(PodLost):
    """The call took as long as the pod lets any: a pod that has told by then is well. No deadline is set here."""


class LoadStream:
    """`silence_seconds`: a pod that says nothing for so long is asked anew, over a new connection."""

    def __init__(self, silence_seconds: float, telemetry: Telemetry) -> None:
        self._silence_seconds = silence_seconds
        self._telemetry = telemetry

    async def listen(self, address: str) -> AsyncGenerator[Iterable[pb.ModelLoad], None]:
        """As `Listen`."""
        async with open_channel(address, telemetry=self._telemetry) as channel:
            call = pb.GenerationServiceStub(channel).WatchLoad(pb.WatchLoadRequest(min_interval=_SHORTEST))
            try:
                yield await self._read(call)
                with contextlib.suppress(_LongestReached):
                    while True:
                        yield await self._read(call)
            finally:
                call.cancel()

    async def _read(
        self, call: grpc.aio.UnaryStreamCall[pb.WatchLoadRequest, pb.WatchLoadResponse]
    ) -> Iterable[pb.ModelLoad]:
        try:
            async with asyncio.timeout(self._silence_seconds):
                response = await call.read()
        except TimeoutError as err:
            raise PodLost("silent") from err
        except grpc.aio.AioRpcError as err:
            kind = _LongestReached if err.code() is grpc.StatusCode.DEADLINE_EXCEEDED else PodLost
            raise kind(err.code().name) from err
        if not isinstance(response, pb.WatchLoadResponse):
            raise PodLost("ended")
        return response.loads
