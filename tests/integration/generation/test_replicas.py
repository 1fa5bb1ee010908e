"""Two real embedded engines as replicas of one model."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psutil

from integration.generation.engines import Service, ask, serving
from soban.generation.obstacle import Trouble
from soban.generation.replica import Replica
from soban.generation.sizing import usable_cores


def replicas(service: Service) -> list[Replica]:
    return list(service.component.registry.served("ko").pool.replicas)


async def until_ready(service: Service, number: int) -> None:
    async with asyncio.timeout(60):
        while len(service.component.registry.served("ko").pool.ready()) != number:
            await asyncio.sleep(0.01)


async def test_replicas_share_the_cores_and_one_that_dies_is_replaced() -> None:
    """Its death is known before any probe, and until it is back the other one answers."""
    async with serving("bundled:soban-demo", min_replicas=2, parallel=4) as service:
        first, second = replicas(service)
        assert (first.id, second.id) == ("ko-0", "ko-1")
        assert first.ready
        assert second.ready
        for host in service.replicas:
            assert host.pid is not None
            (plan,) = (word for word in psutil.Process(host.pid).cmdline() if word.startswith("{"))
            assert f'"threads": {max(1, usable_cores() // 2 - 1)}' in plan
        old = service.replicas[0].pid
        assert old is not None
        os.kill(old, signal.SIGKILL)
        killed = time.monotonic()
        while first.ready:
            await asyncio.sleep(0.001)
        assert time.monotonic() - killed < 2.0
        assert first.obstacle == (Trouble.STARTING, "replica ko-0 is starting")
        assert first.reading is None
        answer = await service.generate(ask("안녕하세요", max_tokens=4))
        assert answer.choices[0].text
        await until_ready(service, 2)
        assert service.replicas[0].pid not in (None, old)
        assert first.description is not None


async def test_a_replica_that_falls_silent_gets_no_requests_and_comes_back() -> None:
    """Stopped for a while, not dead: nobody has to start it again."""
    async with serving("bundled:soban-demo", {"engine_hang_seconds": 12.0}, min_replicas=2, parallel=4) as service:
        first, host = replicas(service)[0], service.replicas[0]
        pid = host.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            await until_ready(service, 1)
            assert first.obstacle == (Trouble.AWAY, "replica ko-0 does not answer")
            assert (await service.generate(ask("안녕하세요", max_tokens=4))).choices[0].text
        finally:
            os.kill(pid, signal.SIGCONT)
        await until_ready(service, 2)
