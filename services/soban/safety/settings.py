"""Settings of the safety service: `services.safety` of soban.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from soban.runtime.settings import Port, ServerSettings


class SafetySettings(ServerSettings):
    """What the safety service adds to every server's settings."""

    port: Port = 50062
    max_text_bytes: Annotated[int, Field(ge=1024)] = 4_000_000
    """Most UTF-8 bytes of one text, or of one piece of a stream."""
    threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Threads for long texts, beside which short ones are answered at once."""
