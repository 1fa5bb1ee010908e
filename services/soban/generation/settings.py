"""Settings of generation: `services.generation` of soban.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from soban.runtime.section import Seconds
from soban.runtime.settings import MIB, Port, ServerSettings


class GenerationSettings(ServerSettings):
    """What generation adds to every server's settings."""

    port: Port = 50063
    max_prompt_bytes: Annotated[int, Field(ge=1, le=1024 * MIB)] = 4_000_000
    """Most UTF-8 bytes of all texts of one request."""
    delta_interval_ms: Annotated[float, Field(ge=0, le=1000)] = 30.0
    """Shortest time between two deltas of one stream; a token that comes after a longer pause goes out at once."""
    deltas_per_second: Annotated[float, Field(gt=0)] = 200.0
    """Most deltas of all streams together: in a crowd each waits longer, up to 250 ms."""
    engine_start_seconds: Seconds = 300.0
    """Longest time that an embedded engine may take to load its model."""
    engine_silence_seconds: Seconds = 60.0
    """A request without a sign of life for so long is given up."""
    engine_hang_seconds: Seconds = 30.0
    """An embedded engine that does not even say for so long that it lives is killed and started again. A busy one does:
    other threads answer while prompts are read."""
    engine_idle_seconds: Seconds = 300.0
    """A request for which nothing is written for so long is given up, whether its engine still says that it lives."""
    kv_cache_mib: Annotated[int, Field(ge=64)] = 1024
    """Memory for the contexts of an embedded engine, taken and cleared at its start (a second for each GiB or two).
    `contextLength` and `parallel` of its model are fitted into it."""
    krw_per_usd: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """Won for a dollar. With it costs are told in both; without it in the currency of the model's price alone."""
    metered_tenants: Annotated[int, Field(ge=0, le=10_000)] = 50
    """Most tenants that have metrics of their own; those beyond are "other" together."""
