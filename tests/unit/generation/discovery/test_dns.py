"""Replicas by the addresses of a name."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest

from soban.generation.discovery.dns import Dns
from soban.runtime.host_addresses import Answer
from unit.generation.discovery.following import following

FOUR, SIX = socket.AF_INET, socket.AF_INET6
GONE = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
SILENT = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


class Names:
    """A name server that is told what to say, and a clock."""

    def __init__(self, *addresses: tuple[socket.AddressFamily, str]) -> None:
        self.answer: Answer | Exception = list(addresses)
        self.now = 0.0
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Answer:
        self.asked.append((host, port))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def source(self, url: str = "http://ko.models:8000", **settings: Any) -> Dns:
        return Dns(url, resolve=self, every=0.001, clock=lambda: self.now, **settings)

    async def asked_again(self) -> None:
        """Returns when a question that began after this call was answered."""
        seen = len(self.asked) + 1
        async with asyncio.timeout(10):
            while len(self.asked) <= seen:
                await asyncio.sleep(0.001)


async def test_addresses_come_and_go() -> None:
    """Each is a replica; the order of an answer says nothing."""
    names = Names((FOUR, "10.0.0.1"), (FOUR, "10.0.0.2"))
    async with following(names.source(group=1, weight=3.0)) as told:
        await told.until("http://10.0.0.1:8000", "http://10.0.0.2:8000")
        assert {(found.group, found.weight) for found in told.sets[-1]} == {(1, 3.0)}
        names.answer = [(FOUR, "10.0.0.2"), (FOUR, "10.0.0.1")]
        await names.asked_again()
        assert len(told.sets) == 1
        names.answer = [(FOUR, "10.0.0.2")]
        await told.until("http://10.0.0.2:8000")
    assert names.asked[0] == ("ko.models", 8000)


async def test_ipv6_addresses_are_written_as_urls_want_them() -> None:
    """Those of a name with both families are the same engines again."""
    names = Names((SIX, "fd00::1"))
    async with following(names.source("https://ko/engines/ko")) as told:
        await told.until("https://[fd00::1]:443/engines/ko")
        names.answer = [(SIX, "fd00::1"), (FOUR, "10.0.0.1")]
        await told.until("https://10.0.0.1:443/engines/ko")


@pytest.mark.parametrize(("error", "keeps"), [(GONE, 30.0), (SILENT, 600.0), (OSError("no network"), 600.0)])
async def test_a_failure_keeps_the_last_addresses_for_a_while(
    error: Exception, keeps: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Longer while nobody answers at all; and the log has it once."""
    names = Names((FOUR, "10.0.0.1"))
    source = names.source()
    async with following(source) as told:
        await told.until("http://10.0.0.1:8000")
        names.answer = error
        names.now = keeps
        await names.asked_again()
        assert told.urls == ["http://10.0.0.1:8000"]
        names.now = keeps + 1
        await told.until()
        assert source.why_not.startswith("ko.models has no address: ")
        names.answer = [(FOUR, "10.0.0.3")]
        await told.until("http://10.0.0.3:8000")
        assert source.why_not == ""
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


async def test_a_name_that_is_not_there_yet_does_not_hold_up_the_start() -> None:
    """The first answer is none."""
    names = Names()
    names.answer = GONE
    async with following(names.source()) as told:
        await told.until()
        names.answer = [(FOUR, "10.0.0.1")]
        await told.until("http://10.0.0.1:8000")


async def test_the_machine_itself_resolves() -> None:
    """`localhost` needs no network."""
    async with following(Dns("http://localhost:8000")) as told:
        await told.until("http://127.0.0.1:8000")
