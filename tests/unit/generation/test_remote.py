"""An engine that somebody else runs."""

from __future__ import annotations

import asyncio

from soban.generation.remote import RemoteHost


async def test_a_remote_engine_comes_and_goes() -> None:
    """The start does not wait for it."""
    there = False
    asked = asyncio.Event()

    async def probe() -> bool:
        asked.set()
        return there

    replica = RemoteHost("ko", "http://engine:8080/", every_ready=0.001, every_away=0.001)
    await replica.start(probe)
    assert not replica.ready
    assert replica.endpoint().url == "http://engine:8080"
    for there in (True, False, True):
        while replica.ready != there:
            asked.clear()
            await asyncio.wait_for(asked.wait(), 5)
            await asyncio.sleep(0)
    await replica.stop()
    assert not replica.ready
