"""Contexts, memory and threads of an embedded engine."""

from __future__ import annotations

from typing import Any

import pytest

from soban.generation.gguf import GgufHeader
from soban.generation.sizing import Layout, layout_of, usable_cores
from soban.runtime.model_settings import ModelConfig

KIB = 1024


def layout(header: GgufHeader, kv_cache_mib: int = 1024, cores: int = 8, **model: Any) -> Layout:
    return layout_of(ModelConfig(url="m.gguf", **model), header, kv_cache_mib, cores)


def header(context: int, kv_kib: int) -> GgufHeader:
    return GgufHeader("llama", context, kv_kib * KIB, "")


@pytest.mark.parametrize(
    ("told", "model", "context", "unified"),
    [
        # Small: every sequence has the whole context that the model was trained for.
        (header(1024, 3), {"parallel": 32}, 32 * 1024, False),
        # Middle: 1 GiB at 22 KiB a token are 47,662 tokens, 1,280 for each of 32.
        (header(8192, 22), {"parallel": 32}, 32 * 1280, False),
        # Large: 1 GiB at 128 KiB are 8,192 tokens, too few to divide by 32.
        (header(131_072, 128), {"parallel": 32}, 131_072, True),
        # What was asked for is kept, at the price of sharing.
        (header(8192, 22), {"parallel": 32, "context_length": 4096}, 47_662, True),
        (header(8192, 22), {"parallel": 4, "context_length": 4096}, 4 * 4096, False),
        # Nothing known.
        (header(0, 0), {"parallel": 2}, 2 * 4096, False),
        # llama.cpp counts in 32 bits.
        (header(2**20, 0), {"parallel": 4096}, 4096 * 524_032, False),
    ],
)
def test_contexts_fit_into_the_memory(told: GgufHeader, model: dict[str, Any], context: int, unified: bool) -> None:
    """One for each sequence where that is enough, else one for all."""
    found = layout(told, **model)
    assert (found.context, found.unified) == (context, unified)


def test_one_core_is_left_to_the_servers() -> None:
    """But the engine has at least one thread, and the configuration has the last word."""
    assert layout(header(1024, 3), cores=8).threads == 7
    assert layout(header(1024, 3), cores=1).threads == 1
    assert layout(header(1024, 3), cores=8, threads=3).threads == 3


def test_this_machine_has_a_core() -> None:
    """Whatever its container allows."""
    assert usable_cores() >= 1
