"""Loads as generation pods tell them."""

from __future__ import annotations

from typing import Any

import soban.v1 as pb

_IDLE = {
    "ready_replicas": 1,
    "loading_replicas": 0,
    "running": 0,
    "slots": 4,
    "queued": 0,
    "held": 0,
    "tokens_in_flight": 0,
    "prefill_backlog_seconds": 0.0,
    "kv_cache_use": 0.0,
}


def load(model: str = "ko", **numbers: Any) -> pb.ModelLoad:
    """An idle replica's, with these numbers instead; None leaves one unset."""
    told = {field: number for field, number in {**_IDLE, **numbers}.items() if number is not None}
    return pb.ModelLoad(model=model, **told)
