"""The service as a process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from integration.scaler.fake_generation import Generation
from soban.runtime.channels import open_channel
from soban.scaler import keda
from unit.scaler.loads import load


@contextlib.asynccontextmanager
async def process(folder: Path, generation: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The running service and where it listens."""
    file = folder / "soban.yaml"
    section = {"port": 0, "metricsPort": 0, "generation": generation, "drainSeconds": 0.2}
    file.write_text(json.dumps({"services": {"scaler": section}}), encoding="utf-8")
    command = (sys.executable, "-m", "soban.scaler", "-c", str(file))
    running = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        assert running.stderr is not None
        line: dict[str, Any] = {}
        while "target" not in line:
            line = json.loads(await asyncio.wait_for(running.stderr.readline(), 60))
        yield running, line["target"]
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def test_it_serves_without_generation_and_stops_when_asked(tmp_path: Path) -> None:
    """Healthy under its own name: KEDA must be able to hear that nothing is known."""
    async with process(tmp_path, "127.0.0.1:1") as (running, target), open_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "live", "ready", "externalscaler.ExternalScaler"):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        running.terminate()
        assert await asyncio.wait_for(running.wait(), 20) == 0


async def test_reflection_knows_kedas_service(tmp_path: Path) -> None:
    """So that grpcurl works without the proto."""
    async with process(tmp_path, "127.0.0.1:1") as (_, target), open_channel(target) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(file_containing_symbol="externalscaler.ExternalScaler")
        answers = [answer async for answer in stub.ServerReflectionInfo(iter([request]))]
    assert answers[0].file_descriptor_response.file_descriptor_proto


async def test_a_signal_ends_streams_well(tmp_path: Path, generation: Generation) -> None:
    """With status OK, and long before the longest stream would."""
    pod = await generation.pod(load())
    async with process(tmp_path, f"{pod.address}:{generation.port}") as (running, target):
        async with open_channel(target) as channel:
            call = keda.ExternalScalerStub(channel).StreamIsActive(
                keda.ScaledObjectRef(scalerMetadata={"model": "ko", "sequences": "6"})
            )
            first = await call.read()
            assert isinstance(first, keda.IsActiveResponse)
            assert not first.result
            running.terminate()
            assert await asyncio.wait_for(call.read(), 20) is grpc.aio.EOF
            assert await call.code() is grpc.StatusCode.OK
        assert await asyncio.wait_for(running.wait(), 20) == 0
