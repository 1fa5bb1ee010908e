"""How an embedded engine is laid out: contexts, memory, threads. Pure functions and one look at this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass

from soban.generation.cgroup import cpu_limit
from soban.generation.gguf import GgufHeader
from soban.runtime.model_settings import ModelConfig
from soban.runtime.settings import MIB

_UNKNOWN_CONTEXT = 4096
# Enough for a system prompt and some turns of a chat; below it sequences share one cache instead.
_SMALLEST_OWN_CONTEXT = 1024
_CONTEXT_STEP = 256
_INT32 = 2**31 - 1
# Two Python processes and the HTTP server's threads: 90 MiB were measured with the bundled model.
_PROCESS_BYTES = 160 * MIB
_LEAST_KV_MIB, _MOST_KV_MIB = 64, 8192


@dataclass(frozen=True, slots=True)
class Layout:
    """What the engine's process is told, besides its model. `context` is tokens of all sequences together."""

    parallel: int
    context: int
    unified: bool
    threads: int


def layout_of(model: ModelConfig, header: GgufHeader, kv_cache_mib: int, cores: int) -> Layout:
    """Each sequence gets a context of its own while all of them fit into `kv_cache_mib`, otherwise they share one.

    A shared cache lets one sequence grow long, but each token then attends over the cells of all sequences: with 32
    streams of 150 tokens the bundled model took half as much CPU again. Threads are one less than cores, at least one:
    llama.cpp's threads wait for each other by spinning, and with one thread for each core, work beside them (the
    servers, the client) made two threads on two cores ten times slower than one.
    """
    wanted = model.context_length or header.context_length or _UNKNOWN_CONTEXT
    threads = model.threads or max(1, cores - 1)
    room = kv_cache_mib * MIB // header.kv_bytes_per_token if header.kv_bytes_per_token else wanted * model.parallel
    room = min(room, _INT32)
    own = room // model.parallel // _CONTEXT_STEP * _CONTEXT_STEP
    if wanted <= own:
        return Layout(model.parallel, wanted * model.parallel, unified=False, threads=threads)
    if model.context_length is None and own >= _SMALLEST_OWN_CONTEXT:
        return Layout(model.parallel, own * model.parallel, unified=False, threads=threads)
    return Layout(model.parallel, min(max(room, wanted), wanted * model.parallel), unified=True, threads=threads)


def pod_kv_cache_mib(memory: int | None, model_bytes: int, default: int) -> int:
    """MiB for the contexts of an engine that has a container of its own with `memory` bytes; without a limit `default`.

    What is left beside the weights and the process goes to contexts, less a fifth: buffers of computation grow with
    the batch, and a container at its limit is killed. More than 8 GiB is taken only when it is asked for, since all of
    it is cleared before the first answer.
    """
    if memory is None:
        return default
    room = (memory - model_bytes - _PROCESS_BYTES) * 4 // 5 // MIB
    return min(max(room, _LEAST_KV_MIB), _MOST_KV_MIB)


def usable_cores() -> int:
    """Whole cores that this process may use, at least one: by its affinity and by the limit of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = cpu_limit()
    return cores if limit is None else min(cores, max(1, int(limit)))
