"""Addresses of a name as they come and go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from soban.runtime.host_addresses import HostAddresses
from unit.runtime.name_server import FOUR, GONE, SILENT, SIX, NameServer


class Told:
    """The sets that were yielded."""

    def __init__(self) -> None:
        self.sets: list[set[str]] = []

    async def until(self, *addresses: str) -> None:
        async with asyncio.timeout(10):
            while not self.sets or self.sets[-1] != set(addresses):
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def watching(addresses: HostAddresses) -> AsyncIterator[Told]:
    told = Told()

    async def watch() -> None:
        async with contextlib.aclosing(addresses.watch()) as sets:
            async for found in sets:
                told.sets.append(set(found))

    task = asyncio.create_task(watch())
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def addresses_of(names: NameServer) -> HostAddresses:
    return HostAddresses("ko.models", 8000, every=0.001, resolve=names, clock=names.clock)


async def test_addresses_come_and_go() -> None:
    """The order of an answer says nothing, and the same answer again is not told."""
    names = NameServer((FOUR, "10.0.0.1"), (FOUR, "10.0.0.2"))
    async with watching(addresses_of(names)) as told:
        await told.until("10.0.0.1:8000", "10.0.0.2:8000")
        names.answer = [(FOUR, "10.0.0.2"), (FOUR, "10.0.0.1")]
        await names.asked_again()
        assert len(told.sets) == 1
        names.answer = [(FOUR, "10.0.0.2")]
        await told.until("10.0.0.2:8000")
    assert names.asked[0] == ("ko.models", 8000)


async def test_a_name_of_both_families_means_the_same_hosts_twice() -> None:
    """IPv6 addresses are in brackets, and used only where there are no others."""
    names = NameServer((SIX, "fd00::1"))
    async with watching(addresses_of(names)) as told:
        await told.until("[fd00::1]:8000")
        names.answer = [(SIX, "fd00::1"), (FOUR, "10.0.0.1")]
        await told.until("10.0.0.1:8000")


@pytest.mark.parametrize(("error", "keeps"), [(GONE, 30.0), (SILENT, 600.0), (OSError("no network"), 600.0)])
async def test_a_failure_keeps_the_last_addresses_for_a_while(
    error: Exception, keeps: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Longer while nobody answers at all; and the log has it once."""
    names = NameServer((FOUR, "10.0.0.1"))
    addresses = addresses_of(names)
    async with watching(addresses) as told:
        await told.until("10.0.0.1:8000")
        names.answer = error
        names.now = keeps
        await names.asked_again()
        assert told.sets == [{"10.0.0.1:8000"}]
        names.now = keeps + 1
        await told.until()
        assert addresses.why_not.startswith("ko.models has no address: ")
        names.answer = [(FOUR, "10.0.0.3")]
        await told.until("10.0.0.3:8000")
        assert addresses.why_not == ""
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


async def test_a_name_that_is_not_there_yet_is_told_as_no_address() -> None:
    """The first answer does not wait for it."""
    names = NameServer()
    names.answer = GONE
    async with watching(addresses_of(names)) as told:
        await told.until()
        names.answer = [(FOUR, "10.0.0.1")]
        await told.until("10.0.0.1:8000")


async def test_the_machine_itself_resolves() -> None:
    """`localhost` needs no network."""
    async with watching(HostAddresses("localhost", 8000, every=0.001)) as told:
        await told.until("127.0.0.1:8000")
