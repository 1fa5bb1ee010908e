"""A Kubernetes API server that knows EndpointSlices: list and watch over real HTTP, with what goes wrong with them.

Shapes are those of https://kubernetes.io/docs/reference/using-api/api-concepts/ and of discovery.k8s.io/v1.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import web

NAMESPACE, SERVICE = "models", "ko"


def endpoint(address: str, pod: str = "", **conditions: bool | None) -> dict[str, Any]:
    """Ready, unless told otherwise."""
    shown = {"ready": True, "serving": True, "terminating": False, **conditions}
    found: dict[str, Any] = {"addresses": [address], "conditions": shown}
    if pod:
        found["targetRef"] = {"kind": "Pod", "namespace": NAMESPACE, "name": pod, "uid": f"uid-{pod}"}
    return found


def endpoint_slice(
    name: str,
    *endpoints: dict[str, Any],
    ports: dict[str, int] | None = None,
    family: str = "IPv4",
    service: str = SERVICE,
) -> dict[str, Any]:
    named = {"http": 8000} if ports is None else ports
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": service}},
        "addressType": family,
        "endpoints": list(endpoints) or None,
        "ports": [{"name": key, "port": port, "protocol": "TCP"} for key, port in named.items()],
    }


class FakeApi:
    """`refusals` are statuses with which the next requests are answered; `paths` counts lists and watches."""

    def __init__(self) -> None:
        self.refusals: list[int] = []
        self.refuse_watches: int | None = None
        self.lists = 0
        self.watches: list[str] = []
        """Resource versions from which was watched."""
        self._version = 100
        self._slices: dict[str, dict[str, Any]] = {}
        self._watchers: set[asyncio.Queue[bytes | None]] = set()
        self._came = asyncio.Event()
        self.url = ""

    def put(self, item: dict[str, Any], *, tell: bool = True) -> None:
        """Creates or replaces a slice. Without `tell` the watchers do not hear of it."""
        name = item["metadata"]["name"]
        kind = "MODIFIED" if name in self._slices else "ADDED"
        self._slices[name] = self._versioned(item)
        if tell:
            self.send(kind, self._slices[name])

    def delete(self, name: str) -> None:
        self.send("DELETED", self._versioned(self._slices.pop(name)))

    def bookmark(self) -> str:
        """Its resource version."""
        self._version += 1
        self.send("BOOKMARK", {"kind": "EndpointSlice", "metadata": {"resourceVersion": str(self._version)}})
        return str(self._version)

    def send(self, kind: str, item: dict[str, Any]) -> None:
        self.send_raw(json.dumps({"type": kind, "object": item}, ensure_ascii=False).encode() + b"\n")

    def send_raw(self, data: bytes) -> None:
        for watcher in self._watchers:
            watcher.put_nowait(data)

    def disconnect(self) -> None:
        """Breaks all watches in the middle of their chunks."""
        for watcher in self._watchers:
            watcher.put_nowait(None)

    async def watched(self, times: int = 1) -> None:
        """Returns when so many watches have been started in all, and one is open."""
        async with asyncio.timeout(10):
            while len(self.watches) < times or not self._watchers:
                self._came.clear()
                await self._came.wait()

    @contextlib.asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[str]:
        """Its URL."""
        app = web.Application()
        app.router.add_get("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices", self._answer)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        host, bound = runner.addresses[0][:2]
        self.url = f"http://{host}:{bound}"
        try:
            yield self.url
        finally:
            await site.stop()
            self.disconnect()
            await runner.cleanup()

    def _versioned(self, item: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        return {**item, "metadata": {**item["metadata"], "resourceVersion": str(self._version)}}

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        watch = request.query.get("watch", "").lower() == "true"
        if self.refusals:
            return _refused(self.refusals.pop(0))
        if watch and self.refuse_watches is not None:
            return _refused(self.refuse_watches)
        if watch:
            return await self._watch(request)
        self.lists += 1
        wanted = request.query["labelSelector"].removeprefix("kubernetes.io/service-name=")
        namespace = request.match_info["namespace"]
        items = [
            item
            for item in self._slices.values()
            if item["metadata"]["labels"]["kubernetes.io/service-name"] == wanted
            and item["metadata"]["namespace"] == namespace
        ]
        return web.json_response(
            {
                "kind": "EndpointSliceList",
                "apiVersion": "discovery.k8s.io/v1",
                "metadata": {"resourceVersion": str(self._version)},
                "items": items or None,
            }
        )

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(b"\n")
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._watchers.add(queue)
        self.watches.append(request.query["resourceVersion"])
        self._came.set()
        try:
            async with asyncio.timeout(float(request.query["timeoutSeconds"])):
                while (data := await queue.get()) is not None:
                    await response.write(data)
            if request.transport is not None:
                request.transport.abort()
        except TimeoutError:
            await response.write_eof()
        finally:
            self._watchers.discard(queue)
        return response


def _refused(status: int) -> web.Response:
    message = 'endpointslices.discovery.k8s.io is forbidden: User "system:serviceaccount:soban:generation" cannot list'
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": status}
    return web.json_response(body, status=status)


def gone() -> dict[str, Any]:
    """The object of an ERROR event."""
    return {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 100 (200)"}


def write_kubeconfig(folder: Path, url: str) -> Path:
    """For an API server without credentials."""
    found = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "fake",
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake", "namespace": NAMESPACE}}],
        "clusters": [{"name": "fake", "cluster": {"server": url}}],
        "users": [{"name": "fake", "user": {"token": "비밀이-아닌-토큰".encode().hex()}}],
    }
    found.write_text(json.dumps(config))
    return found
