"""Where an engine runs, seen from outside: whether it is there, and where."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from soban.generation.engines.http import Endpoint

Probe = Callable[[], Awaitable[bool]]


class Host(Protocol):
    """`embedded.py` starts one of its own, `remote.py` watches one that somebody else runs."""

    @property
    def ready(self) -> bool:
        """Whether it is up: its engine has loaded a model and answers."""

    @property
    def loading(self) -> bool:
        """Whether it is on its way to be ready."""

    def endpoint(self) -> Endpoint:
        """Where it is now. Raises NoReplica."""

    def on_change(self, call: Callable[[], None]) -> None:
        """`call` is called in the event loop each time `ready` or `loading` changed, at once."""

    def doubt(self) -> None:
        """A request lost its connection to it: it looks after its engine now rather than at the next turn."""

    async def start(self, probe: Probe) -> None:
        """`probe` asks the engine at `endpoint` whether it is healthy."""

    async def stop(self) -> None:
        """Nothing of it is left afterwards."""
