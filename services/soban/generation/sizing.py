"""How an embedded engine is laid out: contexts, memory, threads. Pure functions and one look at this machine."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from soban.generation.gguf import GgufHeader
from soban.runtime.model_settings import ModelConfig
from soban.runtime.settings import MIB

_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_UNKNOWN_CONTEXT = 4096
# Enough for a system prompt and some turns of a chat; below it sequences share one cache instead.
_SMALLEST_OWN_CONTEXT = 1024
_CONTEXT_STEP = 256
_INT32 = 2**31 - 1


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


def usable_cores() -> int:
    """Cores that this process may use: by its affinity and by the CPU quota of its container (cgroup v2)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = _CPU_QUOTA.read_text(encoding="ascii").split()
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores
