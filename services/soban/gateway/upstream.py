"""The services behind the gateway as typed calls, and their failures as our own errors."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Iterator
from typing import Any, TypeAlias

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

import soban.v1 as pb
from soban.gateway import field_paths
from soban.gateway.field_paths import Rename
from soban.runtime.context import Call
from soban.runtime.errors import DeadlineExceeded, ServiceUnreachable, from_rpc_error

_logger = logging.getLogger(__name__)

FilterCall: TypeAlias = "grpc.aio.StreamStreamCall[pb.FilterRequest, pb.FilterResponse]"
GenerateCall: TypeAlias = "grpc.aio.UnaryStreamCall[pb.StreamGenerateRequest, pb.StreamGenerateResponse]"

_PROBE_SECONDS = 2.0
_PROBE_PAUSE_SECONDS = 0.1
_SECONDS_BETWEEN_LINES = 10.0


@contextlib.contextmanager
def errors_of(service: str, rename: Rename) -> Iterator[None]:
    """Raises what a call to `service` ended with as a SobanError, its fields named as our client knows them."""
    try:
        yield
    except grpc.aio.AioRpcError as err:
        error = from_rpc_error(err)
        if isinstance(error, ServiceUnreachable):
            # gRPC's own text holds addresses of the inside.
            raise ServiceUnreachable(f"{service} does not answer", retry_after=error.retry_after) from err
        raise field_paths.renamed(error, rename) from err


class SafetyClient:
    """`soban.v1.SafetyService`. Without its answer nothing passes."""

    def __init__(self, channel: grpc.aio.Channel, check_seconds: float) -> None:
        self._stub = pb.SafetyServiceStub(channel)
        self._check_seconds = check_seconds

    async def check(self, request: pb.CheckRequest, call: Call) -> pb.CheckResponse:
        """The judgement. Raises SobanError: as safety raised it, or ServiceUnreachable when there is none in time."""
        out = call.outgoing(timeout=self._check_seconds)
        try:
            with self.errors():
                return await self._stub.Check(request, metadata=out.metadata, timeout=out.timeout)
        except DeadlineExceeded as err:
            if call.remaining(margin=0.05) == 0.0:
                raise
            raise ServiceUnreachable(f"safety did not answer within {self._check_seconds:g} s") from err

    def filter(self, call: Call) -> FilterCall:
        """Opens a stream through the policy; its config has still to be written."""
        out = call.outgoing()
        return self._stub.Filter(metadata=out.metadata, timeout=out.timeout)

    async def configure(self, filtering: FilterCall, config: pb.FilterRequest) -> None:
        """Writes the config. Raises what the stream ended with, when it has ended already."""
        with self.errors():
            try:
                await filtering.write(config)
            except asyncio.InvalidStateError:
                await anext(aiter(filtering), None)
                raise ServiceUnreachable("safety ended its stream before the answer began") from None

    def errors(self) -> contextlib.AbstractContextManager[None]:
        """For reading a Filter stream."""
        return errors_of("safety", field_paths.of_safety)


class GenerationClient:
    """`soban.v1.GenerationService`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pb.GenerationServiceStub(channel)

    def stream(self, request: pb.GenerateRequest, call: Call) -> GenerateCall:
        """Opens a stream of raw, unchecked text."""
        out = call.outgoing()
        wrapped = pb.StreamGenerateRequest(generate=request)
        return self._stub.StreamGenerate(wrapped, metadata=out.metadata, timeout=out.timeout)

    async def models(self, call: Call) -> list[pb.Model]:
        """All models, ordered by name. Raises SobanError."""
        out = call.outgoing()
        with self.errors():
            answer = await self._stub.ListModels(pb.ListModelsRequest(), metadata=out.metadata, timeout=out.timeout)
        return list(answer.models)

    async def model(self, name: str, call: Call) -> pb.Model:
        """One model. Raises SobanError, ModelNotFound above all."""
        out = call.outgoing()
        with self.errors():
            answer = await self._stub.GetModel(
                pb.GetModelRequest(name=name), metadata=out.metadata, timeout=out.timeout
            )
        return answer.model

    def errors(self) -> contextlib.AbstractContextManager[None]:
        """For reading a StreamGenerate stream."""
        return errors_of("generation", field_paths.of_generation)


async def until_serving(channel: grpc.aio.Channel, service: str) -> None:
    """Returns once the far side's health says that `service` (its full gRPC name) is SERVING; waits without bound."""
    stub = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service=service)
    told = -math.inf
    while not await _serves(stub, request):
        if time.monotonic() - told > _SECONDS_BETWEEN_LINES:
            told = time.monotonic()
            _logger.info("waiting for upstream", extra={"upstream": service})
        await asyncio.sleep(_PROBE_PAUSE_SECONDS)


async def _serves(stub: Any, request: health_pb2.HealthCheckRequest) -> bool:
    try:
        answer = await stub.Check(request, timeout=_PROBE_SECONDS, wait_for_ready=True)
    except grpc.aio.AioRpcError as err:
        _logger.debug("upstream has no health yet", extra={"upstream": request.service, "code": err.code().name})
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
