"""Replicas by the addresses of a name. How those come and go is tested with `soban.runtime.host_addresses`."""

from __future__ import annotations

from typing import Any

from soban.generation.discovery.dns import Dns
from unit.generation.discovery.following import following
from unit.runtime.name_server import FOUR, GONE, SIX, NameServer


def source(names: NameServer, url: str = "http://ko.models:8000", **settings: Any) -> Dns:
    return Dns(url, resolve=names, every=0.001, clock=names.clock, **settings)


async def test_addresses_come_and_go() -> None:
    """Each is a replica of the entry's group and weight."""
    names = NameServer((FOUR, "10.0.0.1"), (FOUR, "10.0.0.2"))
    async with following(source(names, group=1, weight=3.0)) as told:
        await told.until("http://10.0.0.1:8000", "http://10.0.0.2:8000")
        assert {(found.group, found.weight) for found in told.sets[-1]} == {(1, 3.0)}
        names.answer = [(FOUR, "10.0.0.2")]
        await told.until("http://10.0.0.2:8000")
    assert names.asked[0] == ("ko.models", 8000)


async def test_addresses_take_the_place_of_the_name_in_the_url() -> None:
    """Scheme, path and the scheme's own port stay."""
    names = NameServer((SIX, "fd00::1"))
    async with following(source(names, "https://ko/engines/ko")) as told:
        await told.until("https://[fd00::1]:443/engines/ko")


async def test_a_name_that_is_not_resolved_says_why() -> None:
    """And does not hold up the start: the first answer is none."""
    names = NameServer()
    names.answer = GONE
    dns = source(names)
    async with following(dns) as told:
        await told.until()
        assert dns.why_not.startswith("ko.models has no address: ")
