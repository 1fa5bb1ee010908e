"""The chart through `helm`: values are layers of mappings or files, the last one goes first."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.cluster import Cluster
from cluster.invoke import invoke

Values = Mapping[str, Any] | Path


@dataclass(frozen=True)
class Helm:
    """`helm` of a cluster with one chart, without blocking the loop. All calls raise InvokeError when it fails."""

    cluster: Cluster
    chart: Path

    async def run(self, *args: str, stdin: str = "", timeout: float = 60.0) -> str:
        """Standard output of `helm ARGS`."""
        binary = str(self.cluster.bin_dir / "helm")
        return await invoke(binary, *args, env=self.cluster.environment(), stdin=stdin, timeout=timeout)

    async def install(self, release: str, namespace: str, *layers: Values, timeout: float = 240.0) -> float:
        """`helm install --wait`; returns the seconds that it took."""
        return await self._put("install", release, namespace, layers, timeout)

    async def upgrade(self, release: str, namespace: str, *layers: Values, timeout: float = 240.0) -> float:
        """`helm upgrade --wait` with these values and no others; returns the seconds that it took.

        Fields that others have changed meanwhile (replicas by an autoscaler) become the chart's again.
        """
        return await self._put("upgrade", release, namespace, layers, timeout, "--force-conflicts")

    async def rollback(self, release: str, namespace: str, revision: int = 0, timeout: float = 240.0) -> float:
        """`helm rollback --wait`, to the revision before when none is named; returns the seconds that it took."""
        began = time.monotonic()
        to = (str(revision),) if revision else ()
        await self.run("rollback", release, *to, "-n", namespace, *_waiting(timeout), timeout=timeout + 10)
        return time.monotonic() - began

    async def test(self, release: str, namespace: str, timeout: float = 120.0) -> str:
        """`helm test`; returns what it said."""
        return await self.run("test", release, "-n", namespace, f"--timeout={timeout:.0f}s", timeout=timeout + 10)

    async def uninstall(self, release: str, namespace: str, timeout: float = 120.0) -> None:
        """`helm uninstall --wait`; no release is no error."""
        flags = ("--ignore-not-found", "-n", namespace, *_waiting(timeout))
        await self.run("uninstall", release, *flags, timeout=timeout + 10)

    async def _put(
        self, verb: str, release: str, namespace: str, layers: tuple[Values, ...], timeout: float, *more: str
    ) -> float:
        began = time.monotonic()
        args = (verb, release, str(self.chart), "-n", namespace, "-f", "-", *_waiting(timeout), *more)
        await self.run(*args, stdin=json.dumps(merged(*layers)), timeout=timeout + 10)
        return time.monotonic() - began


def merged(*layers: Values) -> dict[str, Any]:
    """All layers as one mapping: mappings are merged, everything else is replaced, as `helm -f A -f B` does."""
    result: dict[str, Any] = {}
    for layer in layers:
        loaded = yaml.safe_load(layer.read_text(encoding="utf-8")) if isinstance(layer, Path) else layer
        result = _merged(result, loaded or {})
    return result


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(under)
    for key, value in over.items():
        old = both.get(key)
        both[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return both


def _waiting(timeout: float) -> tuple[str, str]:
    return ("--wait", f"--timeout={timeout:.0f}s")
