"""`kubernetes+http://service.namespace:port`: one replica for each pod that a Service sends requests to.

The EndpointSlices of the Service are listed once and then watched. All of it is listed again every few minutes, and
when the API has forgotten what was told last (410 Gone). This is generation's one file that speaks with Kubernetes.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientPayloadError, ClientResponse
from kubernetes.aio import client, config

from soban.generation.discovery.endpoints import Slice, endpoints_of
from soban.generation.discovery.source import Found

_logger = logging.getLogger(__name__)

_ADDRESS = re.compile(r"(https?)://([a-z0-9-]+)\.([a-z0-9-]+)(?:\.svc(?:\.[a-z0-9.-]+)?)?(?::([a-z0-9-]+))?(/\S*)?")
_SERVICE_LABEL = "kubernetes.io/service-name"
_GONE, _FORBIDDEN, _UNAUTHORIZED = 410, 403, 401
_LIST_SECONDS = 10.0
_MARGIN_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds. `resync` is from one list of everything to the next; failures are retried after `first`, doubling.

    A watch that is silent for `quiet` is begun anew where it was: the API server sends a bookmark each minute, and a
    connection whose other end has vanished says nothing at all.
    """

    resync: float = 240.0
    quiet: float = 90.0
    first: float = 1.0
    longest: float = 30.0


class Refused(Exception):  # noqa: N818 - named by what happened
    """An answer of the API that is no success."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


async def connect() -> client.ApiClient:
    """By KUBECONFIG, else as the pod that this is, else by `~/.kube/config`. Raises ConfigException."""
    settings, file = client.Configuration(), os.environ.get("KUBECONFIG")
    if file is None and "KUBERNETES_SERVICE_HOST" in os.environ:
        config.load_incluster_config(client_configuration=settings)
    else:
        await config.load_kube_config(file, client_configuration=settings, persist_config=False)
    return client.ApiClient(settings)


class Kubernetes:
    """`url` is the address without `kubernetes+`. Raises ValueError when it names no service and namespace."""

    def __init__(
        self,
        url: str,
        group: int = 0,
        weight: float | None = None,
        *,
        connect: Callable[[], Awaitable[client.ApiClient]] = connect,
        pauses: Pauses | None = None,
    ) -> None:
        parts = _ADDRESS.fullmatch(url)
        if parts is None:
            raise ValueError("must be kubernetes+http://service.namespace:port, the port a number or its name")
        self._scheme, self._service, self._namespace = parts[1], parts[2], parts[3]
        self._port, self._path = parts[4] or "", parts[5] or ""
        self._group = group
        self._weight = weight
        self._connect = connect
        self._pauses = pauses or Pauses()
        self._known: frozenset[Found] = frozenset()
        self._failures = 0
        self._trouble = ""

    @property
    def why_not(self) -> str:
        """As `Source.why_not`."""
        if self._trouble or self._known:
            return self._trouble
        port = f" with port {self._port}" if self._port else ""
        return f"Service {self._service} in namespace {self._namespace} has no ready endpoint{port}"

    async def watch(self) -> AsyncGenerator[frozenset[Found], None]:
        """As `Source.watch`; empty at first when the API does not answer."""
        told: frozenset[Found] | None = None
        while True:
            try:
                async with await self._connect() as api, aclosing(self._states(client.DiscoveryV1Api(api))) as states:
                    async for slices in states:
                        self._heard(slices)
                        if self._known != told:
                            told = self._known
                            yield told
            except (Refused, ClientError, config.ConfigException, OSError, ValueError) as err:
                self._failed(err)
            if told is None and self._trouble:
                told = self._known
                yield told
            await self._pause()

    async def _states(self, api: client.DiscoveryV1Api) -> AsyncGenerator[dict[str, Slice], None]:
        """All slices of the Service by name, after each change; ends when it is time to list them again."""
        slices, version = await self._list(api)
        yield slices
        end = time.monotonic() + self._pauses.resync
        while (left := end - time.monotonic()) > 0:
            began = time.monotonic()
            async with aclosing(self._events(api, version, left)) as events:
                async for kind, item in events:
                    self._failures = 0
                    version = item["metadata"]["resourceVersion"]
                    if _apply(kind, item, slices):
                        yield slices
            if time.monotonic() - began < self._pauses.first:
                await asyncio.sleep(self._pauses.first)
        self._failures = 0

    async def _list(self, api: client.DiscoveryV1Api) -> tuple[dict[str, Slice], str]:
        async with await self._ask(api, _request_timeout=_LIST_SECONDS) as response:
            found = await response.json(content_type=None)
        return {item["metadata"]["name"]: item for item in found["items"] or ()}, found["metadata"]["resourceVersion"]

    async def _events(
        self, api: client.DiscoveryV1Api, version: str, seconds: float
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Type and object of each event after `version`; ends with the connection, or after so many seconds."""
        settings: dict[str, Any] = {
            "watch": True,
            "resource_version": version,
            "allow_watch_bookmarks": True,
            "timeout_seconds": int(seconds) + 1,
            "_request_timeout": seconds + _MARGIN_SECONDS,
        }
        async with await self._ask(api, **settings) as response:
            self._recovered()
            try:
                async for line in _lines(response, self._pauses.quiet):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise Refused(event["object"].get("code", 0), event["object"].get("message", ""))
                    yield event["type"], event["object"]
            except (ClientPayloadError, TimeoutError):
                return

    async def _ask(self, api: client.DiscoveryV1Api, **settings: Any) -> ClientResponse:
        """Raises Refused."""
        response: ClientResponse = await api.list_namespaced_endpoint_slice_without_preload_content(
            self._namespace, label_selector=f"{_SERVICE_LABEL}={self._service}", **settings
        )
        if response.status == 200:
            return response
        async with response:
            raise Refused(response.status, _message(await response.read()))

    def _recovered(self) -> None:
        """Both list and watch are answered."""
        if self._trouble:
            _logger.info("the Kubernetes API answers again", extra=self._fields())
            self._trouble = ""

    def _heard(self, slices: dict[str, Slice]) -> None:
        places = endpoints_of(tuple(slices.values()), self._port)
        urls = (f"{self._scheme}://{place}{self._path}" for place in places)
        self._known = frozenset(Found(url, self._group, self._weight) for url in urls)

    def _failed(self, err: Exception) -> None:
        """What the API has forgotten is asked anew and is no trouble."""
        self._failures += 1
        if isinstance(err, Refused) and err.code == _GONE:
            return
        trouble = self._sentence(err)
        if trouble != self._trouble:
            fields = {"error": str(err), "kept": len(self._known)}
            _logger.warning("%s", trouble, extra={**self._fields(), **fields})
        self._trouble = trouble

    def _sentence(self, err: Exception) -> str:
        what = f"the endpoints of Service {self._service} in namespace {self._namespace}"
        code = err.code if isinstance(err, Refused) else None
        if code == _FORBIDDEN:
            return (
                f"the Kubernetes API refuses to tell {what} (403): the service account of this pod needs a Role in "
                f"namespace {self._namespace} with verbs get, list, watch on endpointslices of discovery.k8s.io"
            )
        if code == _UNAUTHORIZED:
            return f"the Kubernetes API does not accept the credentials that are to read {what} (401)"
        if isinstance(err, config.ConfigException):
            return f"no access to Kubernetes is configured, so that {what} are not known"
        return f"the Kubernetes API does not tell {what} ({code or type(err).__name__})"

    def _fields(self) -> dict[str, str]:
        return {"service": self._service, "namespace": self._namespace}

    async def _pause(self) -> None:
        """None after a regular end and after the first thing forgotten; doubling and jittered after failures."""
        if self._failures > (0 if self._trouble else 1):
            full = min(self._pauses.longest, self._pauses.first * 2.0 ** min(30, self._failures - 1))
            await asyncio.sleep(full * random.uniform(0.5, 1.0))  # noqa: S311 - jitter


def _apply(kind: str, item: dict[str, Any], slices: dict[str, Slice]) -> bool:
    """Whether the event changed anything."""
    name = item["metadata"].get("name", "")
    if kind == "DELETED":
        return slices.pop(name, None) is not None
    if kind not in ("ADDED", "MODIFIED") or slices.get(name) == item:
        return False
    slices[name] = item
    return True


async def _lines(response: ClientResponse, quiet: float) -> AsyncGenerator[bytes, None]:
    """However long they are; a slice may hold a thousand endpoints. Raises TimeoutError when none comes."""
    rest = b""
    while not response.content.at_eof():
        async with asyncio.timeout(quiet):
            block = await response.content.readany()
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if line.strip():
                yield line


def _message(body: bytes) -> str:
    """Of a `Status` object."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")
