"""What every kind of discovery gives."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

_CREDENTIALS = re.compile(r"//[^/@]*@")


@dataclass(frozen=True, slots=True)
class Found:
    """A replica. `url` is its base URL, or the name of one that Soban starts itself.

    `group` is the index of its entry in the model's `addresses`, `weight` the one of that entry.
    """

    url: str
    group: int = 0
    weight: float | None = None

    @property
    def name(self) -> str:
        """Its address as logs and errors show it: without the credentials that a URL may hold."""
        return _CREDENTIALS.sub("//", self.url, count=1)


class Source(Protocol):
    """Tells which replicas there are."""

    @property
    def why_not(self) -> str:
        """What keeps it from knowing them, as a sentence; empty when nothing does."""

    def watch(self) -> AsyncGenerator[frozenset[Found], None]:
        """Yields all replicas, first once they are known and then each time they are others; it never ends.

        While it cannot ask, it keeps to the last answer, and says so in `why_not` and once in the log.
        """
