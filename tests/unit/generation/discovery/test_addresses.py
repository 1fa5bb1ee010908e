"""From the addresses of a model to what finds its replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from soban.generation.discovery.addresses import source_of
from soban.generation.discovery.dns import Dns
from soban.generation.discovery.joined import Joined
from soban.generation.discovery.kubernetes import Kubernetes
from soban.generation.discovery.source import Found
from soban.generation.discovery.static import Static
from soban.runtime.config import ConfigError
from soban.runtime.model_settings import AddressConfig
from unit.generation.discovery.following import following

STABLE, CANARY = Found("http://stable:1", 0, 95.0), Found("http://canary:1", 1, 5.0)


class Scripted:
    """Tells the sets that it is given."""

    def __init__(self, why_not: str = "") -> None:
        self.why_not = why_not
        self.sets: asyncio.Queue[frozenset[Found]] = asyncio.Queue()
        self.closed = False

    async def watch(self) -> AsyncGenerator[frozenset[Found], None]:
        try:
            while True:
                yield await self.sets.get()
        finally:
            self.closed = True


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://engine:8000", Static),
        ("dns+http://engine:8000", Dns),
        ("kubernetes+https://engine.models:http", Kubernetes),
    ],
)
def test_the_scheme_says_where_to_look(url: str, kind: type) -> None:
    """One address is its own source."""
    assert isinstance(source_of("ko", [AddressConfig(url=url)]), kind)


async def test_several_addresses_keep_their_groups_and_weights() -> None:
    """A canary is a second address."""
    addresses = [AddressConfig(url="http://stable:1", weight=95), AddressConfig(url="http://canary:1", weight=5)]
    async with following(source_of("ko", addresses)) as told:
        await told.until("http://stable:1", "http://canary:1")
        assert told.sets == [frozenset({STABLE, CANARY})]


def test_an_address_that_names_no_namespace_is_a_mistake_of_the_configuration() -> None:
    """Told by the key of the model."""
    with pytest.raises(ConfigError, match=r"models\.ko\.addresses.*service\.namespace:port"):
        source_of("ko", [AddressConfig(url="kubernetes+http://engine")])


def test_a_name_without_a_client_for_kubernetes_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setattr("soban.generation.discovery.addresses.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"soban\[kubernetes\]"):
        source_of("ko", [AddressConfig(url="kubernetes+http://engine.models:http")])


async def test_joined_sources_wait_for_each_other_once() -> None:
    """Then each tells for itself; the same replica found twice belongs to the first."""
    one, two = Scripted("no role"), Scripted("no name")
    joined = Joined([one, two])
    async with following(joined) as told:
        one.sets.put_nowait(frozenset({STABLE}))
        await asyncio.sleep(0.01)
        assert told.sets == []
        two.sets.put_nowait(frozenset({CANARY, Found("http://stable:1", 1, 5.0)}))
        await told.until("http://stable:1", "http://canary:1")
        assert told.sets[-1] == {STABLE, CANARY}
        one.sets.put_nowait(frozenset())
        one.sets.put_nowait(frozenset({STABLE}))
        two.sets.put_nowait(frozenset())
        await told.until("http://stable:1")
    assert joined.why_not == "no role; no name"
    assert one.closed
    assert two.closed


async def test_a_source_that_breaks_breaks_the_joint() -> None:
    """So that whoever reads it starts it anew."""

    class Broken(Scripted):
        async def watch(self) -> AsyncGenerator[frozenset[Found], None]:
            yield frozenset()
            raise KeyError("items")

    with pytest.raises(KeyError, match="items"):
        async for _ in Joined([Broken(), Scripted()]).watch():
            pass


def test_credentials_in_an_address_are_not_shown() -> None:
    """Names go to logs and errors."""
    assert Found("https://user:secret@engine:1/v1").name == "https://engine:1/v1"
    assert Found("http://engine:1/a@b").name == "http://engine:1/a@b"
