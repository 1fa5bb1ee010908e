"""What a request asks of a replica, and what a replica shows of itself to be chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Demand:
    """Of one request, or of what is left of it when it goes to another replica. `prefill` and `decode` are tokens."""

    prefill: float
    """Of the prompt, whatever an engine may have of it in its cache."""
    decode: float
    """Expected of the answer, all choices together."""
    prefix: tuple[int, ...] = ()
    """As `prefix_of` gives it."""
    session: str = ""
    """The client's own id of a conversation; empty for none."""
    adapter: str = ""
    """LoRA adapter; empty for none."""
    avoid: frozenset[str] = frozenset()
    """Ids of replicas that just failed this request."""

    @property
    def total(self) -> float:
        """Tokens of work for a replica that has nothing of the prompt in its cache."""
        return self.prefill + self.decode


class Candidate(Protocol):
    """A ready replica."""

    @property
    def id(self) -> str:
        """Stable, and the same in every pod of generation."""

    @property
    def slots(self) -> int:
        """Sequences that it works on at once, at least 1."""

    @property
    def running(self) -> int:
        """Sequences that we have there."""

    @property
    def work(self) -> float:
        """Tokens of work that we have there and that are not done."""

    @property
    def group(self) -> int:
        """Which of the model's addresses it belongs to."""

    @property
    def weight(self) -> float | None:
        """Share of its whole group; None where every replica counts the same."""

    @property
    def adapters(self) -> frozenset[str]:
        """LoRA adapters that it has loaded."""
