"""One installation of the chart, and where its parts are."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field

from cluster.helm import Helm, Values, merged
from cluster.kubectl import Kubectl, Object
from cluster.reach import Gateway, reach

COMPONENTS = ("gateway", "tokenization", "safety", "generation", "scaler")


@dataclass
class Release:
    """The chart in a namespace. `layers` are its values, images of the run included."""

    kubectl: Kubectl
    helm: Helm
    namespace: str
    layers: tuple[Values, ...]
    name: str = "soban"
    seconds: float = 0.0
    """What the last `helm install` or `upgrade` with `--wait` took."""
    gateway: Gateway = field(init=False)
    """Addresses of the gateway from outside the cluster; known once installed."""

    async def install(self, timeout: float = 240.0) -> None:
        """`helm install --wait`. Raises InvokeError."""
        self.seconds = await self.helm.install(self.name, self.namespace, *self.layers, timeout=timeout)
        self.gateway = await reach(self.kubectl, self.namespace, self.deployment("gateway"))

    async def upgrade(self, *more: Values, timeout: float = 240.0) -> None:
        """`helm upgrade --wait` with the values of the installation and `more` over them."""
        self.seconds = await self.helm.upgrade(self.name, self.namespace, *self.layers, *more, timeout=timeout)

    async def uninstall(self) -> None:
        """`helm uninstall --wait`; no release is no error."""
        await self.helm.uninstall(self.name, self.namespace)

    def deployment(self, component: str) -> str:
        """Name of a service's Deployment, Service and HPA."""
        return f"{self._full_name}-{component}"

    def engine(self, model: str) -> str:
        """Name of a pool's Deployment, Service and ScaledObject."""
        return f"{self._full_name}-engine-{re.sub(r'[^a-z0-9]+', '-', model.lower()).strip('-')}"

    async def pods(self, component: str, model: str = "") -> list[Object]:
        """Pods of a service (`gateway`, ...) or of engines (`engine`, of one model or all)."""
        selector = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component={component}"
        if model:
            selector += f",soban.dev/model={self.engine(model).rpartition('-engine-')[2]}"
        return await self.kubectl.items("pods", self.namespace, selector)

    async def all_pods(self) -> list[Object]:
        """Pods of all services and engines."""
        return await self.kubectl.items("pods", self.namespace, f"app.kubernetes.io/instance={self.name}")

    async def gone(self, names: set[str], timeout: float) -> set[str]:
        """Waits until these pods are gone; returns those that are still there after `timeout` seconds."""
        end = time.monotonic() + timeout
        while True:
            left = names & {pod["metadata"]["name"] for pod in await self.all_pods()}
            if not left or time.monotonic() > end:
                return left
            await asyncio.sleep(1)

    def value(self, *path: str) -> object:
        """A value of the installation, such as `value("models", "ko", "parallel")`; None where there is none."""
        found: object = merged(*self.layers)
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    @property
    def _full_name(self) -> str:
        return self.name if "soban" in self.name else f"{self.name}-soban"
