"""What a scenario is given: the cluster, the chart, namespaces, releases, timelines, a line of progress per step."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.cluster import Cluster
from cluster.helm import Helm, Values
from cluster.kubectl import Kubectl
from cluster.progress import Progress
from cluster.release import Release
from cluster.timeline import Timeline

_LAST_EVENTS = 25
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
SERVING = Path(__file__).parent / "scenarios" / "install" / "values.yaml"
"""Values of the release that scenarios share."""


@dataclass
class World:
    """One run. Made by the runner, which also calls `close` at the end, however that comes."""

    cluster: Cluster
    """Its nodes and, where it was brought up here, its processes."""
    kubectl: Kubectl
    helm: Helm
    images: Mapping[str, Any]
    """Values that name the images of this run."""
    prefix: str
    """Begin of the names of all namespaces."""
    progress: Progress = field(default_factory=Progress)
    figures: dict[str, float] = field(default_factory=dict)
    """What a scenario measured and another one needs, such as `capacity`."""
    _shared: Release | None = None
    _namespaces: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """One line of progress: what is done, and how long it took."""
        with self.progress.step(text):
            yield

    @contextlib.asynccontextmanager
    async def namespace(self, name: str) -> AsyncIterator[str]:
        """A namespace with enforced restricted pod security; deleted at the end, which nobody waits for."""
        full = f"{self.prefix}{name}"
        # Known before it is made: whoever is interrupted meanwhile deletes it, too.
        self._namespaces.append(full)
        try:
            await self.kubectl.apply(_namespace(full))
            yield full
        finally:
            await self.kubectl.delete("namespace", full)
            self._namespaces.remove(full)

    def release(self, namespace: str, *layers: Values, name: str = "soban") -> Release:
        """The chart with these values and this run's images, not installed yet. Who installs it uninstalls it."""
        return Release(self.kubectl, self.helm, namespace, (self.images, *layers), name)

    async def serving(self) -> Release:
        """The release that scenarios share, with the values of scenario `install`; installed when first asked for.

        A scenario leaves it as it was: the same values, all replicas ready.
        """
        if self._shared is None:
            namespace = f"{self.prefix}serving"
            if namespace not in self._namespaces:
                self._namespaces.append(namespace)
            await self.kubectl.apply(_namespace(namespace))
            self._shared = self.release(namespace, SERVING)
            with self.step("helm install soban helm/soban -f scenarios/install/values.yaml --wait"):
                await self._shared.install()
        return self._shared

    @contextlib.asynccontextmanager
    async def timeline(self, namespace: str) -> AsyncIterator[Timeline]:
        """Records replicas of all Deployments and Events of the namespace, as long as the `async with` lasts."""
        async with Timeline(self.kubectl, namespace) as recorded:
            yield recorded

    async def drop_serving(self) -> None:
        """Uninstalls the shared release; whoever asks for it next gets a new one."""
        if self._shared is None:
            return
        shared, self._shared = self._shared, None
        await shared.uninstall()

    async def diagnosis(self) -> str:
        """Pods and the last Events of this run's namespaces, for people who look for a cause."""
        parts = []
        for namespace in self._namespaces:
            parts.append(await self.kubectl.run("get", "pods", "-n", namespace, "-o", "wide"))
            events = await self.kubectl.run("get", "events", "-n", namespace, "--sort-by=.lastTimestamp")
            parts += events.splitlines()[-_LAST_EVENTS:]
        return "\n".join(parts)

    async def close(self) -> None:
        """Uninstalls the shared release and deletes all namespaces that are left."""
        await self.drop_serving()
        for namespace in self._namespaces:
            await self.kubectl.delete("namespace", namespace)
        self._namespaces.clear()


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(RESTRICTED)}}
