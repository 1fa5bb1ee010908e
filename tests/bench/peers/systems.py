"""What is compared: one engine, and every way to it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass

import psutil
import rig as rigs

from peers.asking import Ask, Mode, over_chat, over_generation, over_http
from peers.environments import Unavailable
from peers.proxies import Proxy, litellm, vllm_router

MODEL = "soban-demo"
ENGINE = "engine alone"
GENERATION = "soban, generation, gRPC"
STACK = "soban, whole stack, gRPC"
GATEWAY = "soban, whole stack, OpenAI HTTP"
LITELLM = "litellm[proxy]"
ROUTER = "vllm-router"

_ON_THE_WAY = ("gateway", "generation", "safety")
_PEERS: Mapping[str, Callable[[rigs.Api, str], AbstractContextManager[Proxy]]] = {
    LITELLM: litellm,
    ROUTER: vllm_router,
}


@dataclass(frozen=True)
class System:
    """A way to the engine. `processes` are what stands between, by name."""

    name: str
    connect: Callable[[Mode], AbstractAsyncContextManager[Ask]]
    processes: Mapping[str, psutil.Process]

    def cpu_seconds(self) -> dict[str, float]:
        """Of each of its processes so far."""
        return {name: rigs.cpu_seconds(process) for name, process in self.processes.items()}

    def memory_mib(self) -> float:
        """Of all its processes now."""
        return sum(rigs.memory_mib(process) for process in self.processes.values())


@dataclass(frozen=True)
class Compared:
    """The systems that run, and why others do not."""

    systems: Sequence[System]
    missing: Mapping[str, str]


@contextlib.asynccontextmanager
async def running(parallel: int, peers: bool = True) -> AsyncIterator[Compared]:
    """Starts the engine, all of Soban and the peers; stops all at the end."""
    async with rigs.running(MODEL, f"bundled:{MODEL}", parallel) as rig:
        with contextlib.ExitStack() as stack:
            systems, missing = list(_own(rig)), {}
            for name, start in _PEERS.items() if peers else ():
                try:
                    proxy = stack.enter_context(start(rig.engine, rig.model))
                except Unavailable as err:
                    missing[name] = str(err)
                    continue
                systems.append(_of_http(name, proxy.api, {name: proxy.process}))
            yield Compared(systems, missing)


def _own(rig: rigs.Rig) -> Iterator[System]:
    on_the_way = {name: rig.processes[name] for name in _ON_THE_WAY}
    generation = {"generation": rig.processes["generation"]}
    yield _of_http(ENGINE, rig.engine, {})
    yield System(GENERATION, lambda mode: over_generation(rig.generation_target, mode), generation)
    yield System(STACK, lambda mode: over_chat(rig.grpc_target, mode), on_the_way)
    yield _of_http(GATEWAY, rig.gateway, on_the_way)


def _of_http(name: str, api: rigs.Api, processes: Mapping[str, psutil.Process]) -> System:
    return System(name, lambda mode: over_http(api, mode), processes)
