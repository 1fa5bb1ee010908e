"""Evidence added up: labels and check digits are weights, not gates."""

from __future__ import annotations

from typing import Final

ACCEPTED: Final = 0.5
"""Confidence from which a candidate is a finding."""

_HIGHEST = 0.99


class Weighing:
    """The case for one candidate."""

    def __init__(self, confidence: float, reason: str) -> None:
        self._confidence = confidence
        self._reasons = [reason]

    def add(self, weight: float, reason: str) -> None:
        """One more piece of evidence; a negative weight speaks against the candidate."""
        self._confidence += weight
        self._reasons.append(reason)

    @property
    def accepted(self) -> bool:
        """Whether it is a finding."""
        return round(self._confidence, 6) >= ACCEPTED

    @property
    def confidence(self) -> float:
        """From 0 to 0.99."""
        return round(min(max(self._confidence, 0.0), _HIGHEST), 6)

    @property
    def evidence(self) -> tuple[str, ...]:
        """In the order in which it was looked at."""
        return tuple(self._reasons)

    @property
    def reason(self) -> str:
        """All of it in one line, for a candidate that was dropped."""
        return "; ".join(self._reasons)
