"""Settings of the tokenization service: `services.tokenization` of soban.yaml."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import Field

from soban.runtime.section import Seconds
from soban.runtime.settings import Port, ServerSettings


class TokenizationSettings(ServerSettings):
    """What the tokenization service adds to every server's settings."""

    port: Port = 50061
    workers: Annotated[int, Field(ge=2, le=256)] | None = None
    """Processes that analyse, about 10 MB each beyond the first; none means one more than there are processors."""
    load_seconds: Seconds = 120.0
    """Longest wait for the dictionary and the language model at start."""

    @property
    def worker_count(self) -> int:
        """One worker is always free of long texts, so that it takes one more than processors to use them all."""
        return self.workers or processors() + 1


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
