"""Pools on simulated nodes, scaled by the real scaler, KEDA and HPA, with load that a stand-in for generation tells."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from cluster.helm import Values
from cluster.machine.layout import API_ADDRESS
from cluster.picture import Panel, picture, replicas_panel, waiting_panel
from cluster.release import COMPONENTS, Release
from cluster.simulated_pool import SimulatedPool
from cluster.stand_in import StandIn
from cluster.timeline import Replicas, Timeline
from cluster.world import World

NODES = Path(__file__).parents[2] / "k8s" / "simulated" / "nodes.yaml"
SLOTS = 10
"""Sequences that a simulated replica runs at once."""
SEQUENCE_SECONDS = 4.0
_LOOK_SECONDS = 0.1
_ZERO_SECONDS = 120.0


class Simulation:
    """Made by `simulation`. `pools` by the name of their model."""

    def __init__(self, release: Release, timeline: Timeline, models: Sequence[str]) -> None:
        self.release = release
        self.timeline = timeline
        self._news = asyncio.Event()
        self.pools = {name: SimulatedPool(name, SLOTS, SEQUENCE_SECONDS, self._news.set) for name in models}

    def deployment(self, model: str) -> str:
        """Name of a pool's Deployment."""
        return self.release.engine(model)

    async def until_zero(self, model: str, timeout: float) -> Replicas:
        """The state in which no replica of the pool is wanted, now or later. Raises NotSeenError."""
        deployment = self.deployment(model)
        await self.timeline.until(deployment, lambda seen: True, timeout)
        last = self.timeline.of(deployment)[-1]
        if last.desired == 0:
            return last
        return await self.timeline.until(deployment, lambda state: state.desired == 0, timeout, last.at)

    def loads(self) -> list[Any]:
        """Of all pools as they are now."""
        return [pool.load for pool in self.pools.values()]

    def picture(self, title: str, model: str, marks: Sequence[tuple[float, str]] = ()) -> str:
        """Replicas of a pool, and what runs and waits in it, over time."""
        panels: list[Panel] = [replicas_panel(self.timeline, self.deployment(model))]
        panels.append(waiting_panel(self.timeline, self.pools[model].gauges))
        return picture(title, self.timeline, panels, marks)

    async def tell(self, stand_in: StandIn) -> None:
        """Passes news on to whoever watches the stand-in, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            await stand_in.changed()

    async def follow(self) -> None:
        """Gives each simulated pool the replicas that the cluster has ready for it, for ever."""
        last: dict[str, Replicas] = {}
        while True:
            for model, pool in self.pools.items():
                for state in self.timeline.of(self.deployment(model))[-1:]:
                    if last.get(model) != state:
                        last[model] = state
                        pool.replicas(state.ready, max(0, state.desired - state.ready))
            await asyncio.sleep(_LOOK_SECONDS)


@contextlib.asynccontextmanager
async def simulation(world: World, name: str, values: Path) -> AsyncIterator[Simulation]:
    """Nodes, a release of scaler and pools alone, a stand-in on this machine; all of it gone after the `async with`."""
    models = list(yaml.safe_load(values.read_text(encoding="utf-8"))["models"])
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(_nodes(world))
        namespace = await stack.enter_async_context(world.namespace(name))
        timeline = await stack.enter_async_context(world.timeline(namespace))
        found = Simulation(world.release(namespace), timeline, models)
        stand_in = await stack.enter_async_context(StandIn(API_ADDRESS, found.loads))
        found.release = world.release(namespace, values, _told_by(stand_in))
        await world.kubectl.apply(*_generation(found.release, stand_in.port), namespace=namespace)
        stack.push_async_callback(_uninstall, found.release)
        with world.step("helm install of scaler and simulated pools"):
            # Not release.install(), which looks for a gateway.
            await world.helm.install(found.release.name, namespace, *found.release.layers)
        tasks = [asyncio.create_task(found.tell(stand_in)), asyncio.create_task(found.follow())]
        try:
            with world.step("pools that can sleep do"):
                for model in (name for name in models if found.release.value("models", name, "minReplicas") == 0):
                    await found.until_zero(model, _ZERO_SECONDS)
            yield found
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _uninstall(release: Release) -> None:
    """Waits for the pods, too: without their nodes they would stay until the garbage collector comes."""
    await release.uninstall()
    selector = ("-l", "app.kubernetes.io/component=engine")
    await release.kubectl.run("wait", "--for=delete", "pod", *selector, "-n", release.namespace, "--timeout=60s")


def _told_by(stand_in: StandIn) -> Values:
    """No service runs but the scaler, which finds generation at the stand-in's port."""
    services: dict[str, Any] = {name: {"enabled": False} for name in COMPONENTS if name != "scaler"}
    services["generation"]["port"] = stand_in.port
    return {"services": services}


def _generation(release: Release, port: int) -> list[dict[str, Any]]:
    """The headless Service that the chart would make, with this machine in the place of pods."""
    name = release.deployment("generation")
    ports = [{"name": "grpc", "port": port}]
    service = {"clusterIP": "None", "ports": ports}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": service},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [API_ADDRESS], "conditions": {"ready": True}}],
            "ports": ports,
        },
    ]


@contextlib.asynccontextmanager
async def _nodes(world: World) -> AsyncIterator[None]:
    """The nodes of k8s/simulated, as long as the `async with` lasts."""
    with world.step("simulated nodes"):
        await world.kubectl.run("apply", "--server-side", "-f", str(NODES))
        await world.kubectl.run("wait", "--for=condition=Ready", "--timeout=60s", "-f", str(NODES))
    try:
        yield
    finally:
        await world.kubectl.run("delete", "--ignore-not-found", "--wait=false", "-f", str(NODES))
