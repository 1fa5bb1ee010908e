"""Replicas behind a Service, from an API server that may refuse, forget, repeat itself and go away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from soban.generation.discovery.kubernetes import Kubernetes, Pauses
from unit.generation.discovery.fake_api import FakeApi, endpoint, endpoint_slice, gone, write_kubeconfig
from unit.generation.discovery.following import Follower, following

ONE, TWO, THREE = (f"http://10.0.0.{number}:8000" for number in (1, 2, 3))
QUICK = Pauses(first=0.01, longest=0.02)


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    found = FakeApi()
    found.put(endpoint_slice("ko-a", endpoint("10.0.0.1", "ko-1")))
    async with found.running():
        yield found


class Scene:
    """A source that follows the API server, and what it told."""

    def __init__(self, source: Kubernetes, told: Follower) -> None:
        self.source, self.told = source, told


@pytest.fixture
def scene(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path, api.url)))

    @contextlib.asynccontextmanager
    async def start(url: str = "http://ko.models:http", pauses: Pauses = QUICK) -> AsyncIterator[Scene]:
        source = Kubernetes(url, group=2, weight=0.5, pauses=pauses)
        async with following(source) as told:
            yield Scene(source, told)

    return start


async def test_pods_come_and_go(api: FakeApi, scene: Any) -> None:
    """Each with the group and weight of its address."""
    async with scene() as now:
        await now.told.until(ONE)
        (found,) = now.told.sets[-1]
        assert (found.group, found.weight) == (2, 0.5)
        await api.watched()
        api.put(endpoint_slice("ko-a", endpoint("10.0.0.1", "ko-1"), endpoint("10.0.0.2", "ko-2")))
        await now.told.until(ONE, TWO)
        api.put(endpoint_slice("ko-b", endpoint("10.0.0.3", "ko-3")))
        await now.told.until(ONE, TWO, THREE)
        api.delete("ko-a")
        await now.told.until(THREE)
        assert api.lists == 1


async def test_a_pod_that_is_not_ready_or_ends_gets_nothing(api: FakeApi, scene: Any) -> None:
    """Even if it still serves."""
    async with scene() as now:
        await now.told.until(ONE)
        await api.watched()
        starting, ending = endpoint("10.0.0.2", ready=False), endpoint("10.0.0.3", ready=False, terminating=True)
        api.put(endpoint_slice("ko-a", endpoint("10.0.0.1", ready=None), starting, ending))
        api.put(endpoint_slice("ko-a", endpoint("10.0.0.2"), ending))
        await now.told.until(TWO)
        api.put(endpoint_slice("ko-a"))
        await now.told.until()
        assert now.source.why_not == "Service ko in namespace models has no ready endpoint with port http"


async def test_events_that_change_nothing_are_not_told(api: FakeApi, scene: Any) -> None:
    """Duplicates, pods that stay, other ports."""
    async with scene() as now:
        await now.told.until(ONE)
        await api.watched()
        same = endpoint_slice("ko-a", endpoint("10.0.0.1", "ko-1"))
        for _ in range(3):
            api.put(same)
        api.put(endpoint_slice("ko-metrics", endpoint("10.0.0.1", "ko-1"), ports={"metrics": 9000}))
        api.put(endpoint_slice("ko-b", endpoint("10.0.0.1", "ko-1"), endpoint("10.0.0.2")))
        await now.told.until(ONE, TWO)
        assert len(now.told.sets) == 2


async def test_a_line_may_be_long_and_come_in_pieces(api: FakeApi, scene: Any) -> None:
    """A thousand endpoints, cut anywhere."""
    addresses = [f"10.1.{high}.{low}" for high in range(4) for low in range(250)]
    async with scene() as now:
        await now.told.until(ONE)
        await api.watched()
        sent: list[bytes] = []
        api.send_raw, kept = sent.append, api.send_raw  # type: ignore[method-assign]
        api.put(endpoint_slice("ko-a", *(endpoint(address, f"파드-{address}") for address in addresses)))
        for start in range(0, len(sent[0]), 9973):
            kept(sent[0][start : start + 9973])
            await asyncio.sleep(0)
        await now.told.until(*(f"http://{address}:8000" for address in addresses))


async def test_a_lost_watch_goes_on_where_it_was(api: FakeApi, scene: Any) -> None:
    """From the last bookmark, without another list."""
    async with scene() as now:
        await now.told.until(ONE)
        await api.watched()
        version = api.bookmark()
        api.disconnect()
        await api.watched(2)
        assert api.watches[1] == version
        api.put(endpoint_slice("ko-b", endpoint("10.0.0.2")))
        await now.told.until(ONE, TWO)
        assert api.lists == 1


async def test_a_watch_that_falls_silent_is_begun_anew(api: FakeApi, scene: Any) -> None:
    """Its other end may have vanished without a word."""
    async with scene(pauses=Pauses(first=0.01, quiet=0.02)) as now:
        await now.told.until(ONE)
        await api.watched(3)
        assert api.lists == 1
        api.put(endpoint_slice("ko-b", endpoint("10.0.0.2")))
        await now.told.until(ONE, TWO)


@pytest.mark.parametrize("how", ["event", "status"])
async def test_what_the_api_has_forgotten_is_listed_again(
    api: FakeApi, scene: Any, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """410 comes as an event of a watch, or as the answer to one; neither is worth a warning."""
    async with scene() as now:
        await now.told.until(ONE)
        await api.watched()
        api.put(endpoint_slice("ko-b", endpoint("10.0.0.2")), tell=False)
        if how == "event":
            api.send("ERROR", gone())
        else:
            api.refusals = [410]
            api.disconnect()
        await now.told.until(ONE, TWO)
        assert api.lists == 2
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_everything_is_listed_again_now_and_then(api: FakeApi, scene: Any) -> None:
    """An event that got lost is found so."""
    async with scene(pauses=Pauses(resync=0.05, first=0.01)) as now:
        await now.told.until(ONE)
        await api.watched()
        api.put(endpoint_slice("ko-b", endpoint("10.0.0.2")), tell=False)
        await now.told.until(ONE, TWO)


async def test_a_refusal_names_the_role_that_is_missing(
    api: FakeApi, scene: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Once in the log, however often it is repeated; and it goes on when the role is there."""
    api.refusals = [403] * 5
    async with scene() as now:
        await now.told.until()
        assert now.source.why_not == (
            "the Kubernetes API refuses to tell the endpoints of Service ko in namespace models (403): the service "
            "account of this pod needs a Role in namespace models with verbs get, list, watch on endpointslices of "
            "discovery.k8s.io"
        )
        await now.told.until(ONE)
        await api.watched()
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "system:serviceaccount:soban:generation" in warnings[0].error  # type: ignore[attr-defined]


async def test_a_role_without_watch_is_told_too(api: FakeApi, scene: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The list works and keeps working."""
    api.refuse_watches = 403
    async with scene() as now:
        await now.told.until(ONE)
        while api.lists < 3:
            await asyncio.sleep(0.01)
        assert "needs a Role" in now.source.why_not
        assert now.told.urls == [ONE]
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_other_refusals_keep_the_replicas(api: FakeApi, scene: Any, status: int) -> None:
    """And are told by their status."""
    async with scene() as now:
        await now.told.until(ONE)
        await api.watched()
        api.refusals = [status]
        api.put(endpoint_slice("ko-b", endpoint("10.0.0.2")), tell=False)
        api.send("ERROR", {"code": status, "message": "etcdserver: leader changed"})
        while not now.source.why_not:
            await asyncio.sleep(0)
        assert str(status) in now.source.why_not
        assert now.told.urls == [ONE]
        await now.told.until(ONE, TWO)


async def test_an_api_server_that_is_away_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Replicas that were known stay; what happened meanwhile is seen when it is back."""
    monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path, f"http://127.0.0.1:{unused_tcp_port}")))
    api, source = FakeApi(), Kubernetes("http://ko.models:8000", pauses=QUICK)
    async with following(source) as told:
        await told.until()
        assert "does not tell" in source.why_not
        api.put(endpoint_slice("ko-a", endpoint("10.0.0.1")))
        async with api.running(unused_tcp_port):
            await told.until(ONE)
            await api.watched()
            while source.why_not:
                await asyncio.sleep(0)
        while not source.why_not:
            await asyncio.sleep(0.01)
        assert told.urls == [ONE]
        api.put(endpoint_slice("ko-b", endpoint("10.0.0.2")))
        async with api.running(unused_tcp_port):
            await told.until(ONE, TWO)
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 2


async def test_an_answer_that_is_no_json_is_asked_again(api: FakeApi, scene: Any) -> None:
    """As a proxy in between may send."""
    async with scene() as now:
        await now.told.until(ONE)
        await api.watched()
        api.put(endpoint_slice("ko-b", endpoint("10.0.0.2")), tell=False)
        api.send_raw(b"<html>bad gateway</html>\n")
        await now.told.until(ONE, TWO)


async def test_without_any_configuration_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a cluster, or in a pod without a service account."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    for inside in (False, True):
        if inside:
            monkeypatch.delenv("KUBECONFIG")
            monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
        source = Kubernetes("http://ko.models:8000", pauses=QUICK)
        async with following(source) as told:
            await told.until()
            assert "no access to Kubernetes is configured" in source.why_not


@pytest.mark.parametrize(
    "url", ["http://ko", "http://ko:8000", "ftp://ko.models", "http://ko.models:80:90", "http://a_b.c"]
)
def test_an_address_names_service_and_namespace(url: str) -> None:
    """The port may be missing where there is only one."""
    with pytest.raises(ValueError, match=r"service\.namespace:port"):
        Kubernetes(url)


async def test_the_long_name_of_a_service_and_a_path_are_fine(api: FakeApi, scene: Any) -> None:
    """As in `ko.models.svc.cluster.local`; the path is kept."""
    async with scene("https://ko.models.svc.cluster.local:80/engines/ko") as now:
        await now.told.until("https://10.0.0.1:8000/engines/ko")
