"""What generation says of its models once a second: running, queued and held requests, read from its pods' metrics."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType

import aiohttp

from cluster.invoke import lines_of
from cluster.kubectl import Kubectl
from cluster.release import Release

_PERIOD = 1.0
_METRICS_PORT = 51063
_LINE = re.compile(
    r'^soban_generation_(running|queued|held)\{.*gen_ai_request_model="([^"]+)".*\} (\S+)$', re.MULTILINE
)
_SERVING = re.compile(rb"127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Gauge:
    """One model at a time (`at` on time.monotonic), summed over the pods of generation that answered."""

    at: float
    model: str
    running: float
    queued: float
    held: float


class Gauges:
    """`async with` records; `seen` stays afterwards. A pod that does not answer is left out of that second."""

    def __init__(self, release: Release) -> None:
        self.seen: list[Gauge] = []
        self._release = release

    async def __aenter__(self) -> Gauges:
        self._task = asyncio.create_task(self._record())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def of(self, model: str) -> list[Gauge]:
        """What was seen of one model."""
        return [gauge for gauge in self.seen if gauge.model == model]

    async def _record(self) -> None:
        async with _api(self._release.kubectl) as api:
            pods, asked = [], 0.0
            while True:
                began = time.monotonic()
                if began - asked > 5 * _PERIOD:
                    pods, asked = await self._pods(), began
                await self._read(api, pods)
                await asyncio.sleep(began + _PERIOD - time.monotonic())

    async def _pods(self) -> list[str]:
        pods = await self._release.pods("generation")
        return [pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") == "Running"]

    async def _read(self, api: aiohttp.ClientSession, pods: list[str]) -> None:
        texts = await asyncio.gather(*(self._metrics(api, pod) for pod in pods))
        sums = Counter[tuple[str, str]]()
        for text in texts:
            sums.update(parsed(text))
        at = time.monotonic()
        for model in sorted({model for model, _ in sums}):
            numbers = (sums[model, name] for name in ("running", "queued", "held"))
            self.seen.append(Gauge(at, model, *numbers))

    async def _metrics(self, api: aiohttp.ClientSession, pod: str) -> str:
        path = f"/api/v1/namespaces/{self._release.namespace}/pods/{pod}:{_METRICS_PORT}/proxy/metrics"
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with api.get(path) as response:
                return await response.text() if response.status == 200 else ""
        return ""


def parsed(text: str) -> Mapping[tuple[str, str], float]:
    """Numbers by (model, name) in Prometheus' text format."""
    return {(model, name): float(value) for name, model, value in _LINE.findall(text)}


@contextlib.asynccontextmanager
async def _api(kubectl: Kubectl) -> AsyncIterator[aiohttp.ClientSession]:
    """The API server through `kubectl proxy`, which knows all ways of authentication."""
    argv = (str(kubectl.cluster.bin_dir / "kubectl"), "proxy", "--port=0")
    async with lines_of(*argv, env=kubectl.cluster.environment()) as lines:
        async for line in lines:
            if found := _SERVING.search(line):
                break
        else:
            raise ConnectionError("kubectl proxy did not start")
        timeout = aiohttp.ClientTimeout(total=2.0)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{int(found[1])}", timeout=timeout) as session:
            yield session
