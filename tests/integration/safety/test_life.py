"""The service as a process."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from soban.runtime.channels import open_channel
from soban.runtime.server import running
from soban.runtime.telemetry import Telemetry
from soban.safety.component import Safety
from soban.safety.normalization import Folding
from soban.safety.rules.email import EmailRule
from soban.safety.scanner import Scanner
from soban.safety.selftest import SelfTestError
from soban.safety.settings import SafetySettings


async def start(folder: Path, config: str) -> asyncio.subprocess.Process:
    file = folder / "soban.yaml"
    file.write_text(config, encoding="utf-8")
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "soban.safety", "-c", str(file), stderr=asyncio.subprocess.PIPE
    )


async def test_it_serves_until_it_is_asked_to_stop(tmp_path: Path) -> None:
    """Healthy under its own name, and gone with exit code 0."""
    process = await start(tmp_path, "services: {safety: {port: 0, metricsPort: 0}}")
    try:
        assert process.stderr is not None
        serving = json.loads(await asyncio.wait_for(process.stderr.readline(), 60))
        channel = open_channel(serving["target"])
        stub = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service="soban.v1.SafetyService"), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        await channel.close()
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_broken_policy_keeps_it_from_starting(tmp_path: Path) -> None:
    """One line names the key."""
    config = "policies: {own: {rules: [{category: pii.fone, action: mask}]}}"
    process = await start(tmp_path, config)
    _, complaint = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert "policies.own.rules.0.category" in complaint.decode()
    assert "pii.phone" in complaint.decode()


async def test_rules_that_do_not_work_keep_it_from_starting() -> None:
    """Better no safety service than one that finds nothing."""
    settings = SafetySettings(port=0, metrics_port=0)
    broken = Safety({}, settings, Telemetry.noop(), Scanner([EmailRule()], Folding()))
    with pytest.raises(SelfTestError):
        async with running(broken, settings):
            pass
