"""Replicas of every Deployment of a namespace and its Events over time, as the API server tells them by watch."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType

from cluster.kubectl import Kubectl, NotSeenError, Object

_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Replicas:
    """A Deployment at a time: `at` in seconds on time.monotonic, when this machine heard of it."""

    at: float
    deployment: str
    desired: int
    ready: int
    updated: int


@dataclass(frozen=True)
class Event:
    """An Event of Kubernetes."""

    at: float
    about: str
    """`Kind/name`."""
    reason: str
    message: str


class Timeline:
    """`async with` records; `replicas` and `events` stay afterwards, ordered by time."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self.replicas: list[Replicas] = []
        self.events: list[Event] = []
        self.began = time.monotonic()
        self._kubectl = kubectl
        self._namespace = namespace
        self._seen = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Timeline:
        self.began = time.monotonic()
        apps, core = "/apis/apps/v1", "/api/v1"
        self._tasks = [
            asyncio.create_task(self._follow(f"{apps}/namespaces/{self._namespace}/deployments", self._see_deployment)),
            asyncio.create_task(self._follow(f"{core}/namespaces/{self._namespace}/events", self._see_event)),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def now(self) -> float:
        """The time as it is recorded."""
        return time.monotonic()

    def of(self, deployment: str) -> list[Replicas]:
        """What was heard of one Deployment."""
        return [seen for seen in self.replicas if seen.deployment == deployment]

    def first(self, deployment: str, true: Callable[[Replicas], bool], since: float = 0.0) -> Replicas | None:
        """The first state of a Deployment at or after `since` that is `true`."""
        return next((seen for seen in self.of(deployment) if seen.at >= since and true(seen)), None)

    async def until(
        self, deployment: str, true: Callable[[Replicas], bool], timeout: float, since: float = 0.0
    ) -> Replicas:
        """The first such state, waited for. Raises NotSeenError."""
        try:
            async with asyncio.timeout(timeout), self._seen:
                while (found := self.first(deployment, true, since)) is None:
                    await self._seen.wait()
        except TimeoutError:
            last = self.of(deployment)[-1:]
            raise NotSeenError(f"{deployment} did not come to it within {timeout:g} s; last: {last}") from None
        return found

    async def _follow(self, path: str, see: Callable[[str, Object], None]) -> None:
        """Watches anew when a watch ends, also through a time without API server."""
        while True:
            async with self._kubectl.watch(path) as events:
                await self._see_all(events, see)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _see_all(self, events: AsyncIterator[Object], see: Callable[[str, Object], None]) -> None:
        with contextlib.suppress(ValueError):
            async for event in events:
                async with self._seen:
                    see(event["type"], event["object"])
                    self._seen.notify_all()

    def _see_deployment(self, kind: str, found: Object) -> None:
        if kind not in ("ADDED", "MODIFIED", "DELETED"):
            return
        spec, status = found["spec"], found.get("status", {})
        gone = kind == "DELETED"
        state = Replicas(
            time.monotonic(),
            found["metadata"]["name"],
            0 if gone else spec.get("replicas", 1),
            0 if gone else status.get("readyReplicas", 0),
            0 if gone else status.get("updatedReplicas", 0),
        )
        before = self.of(state.deployment)[-1:]
        if not before or _numbers(before[0]) != _numbers(state):
            self.replicas.append(state)

    def _see_event(self, kind: str, found: Object) -> None:
        if kind in ("ADDED", "MODIFIED"):
            about = f"{found['involvedObject'].get('kind')}/{found['involvedObject'].get('name')}"
            self.events.append(Event(time.monotonic(), about, found.get("reason", ""), found.get("message", "")))


def _numbers(seen: Replicas) -> tuple[int, int, int]:
    return seen.desired, seen.ready, seen.updated
