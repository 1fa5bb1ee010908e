"""Judges whole texts: the same automaton as the stream, fed once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from soban.safety.decisions import Action, Decisions, Direction, Role
from soban.safety.filter import Finding, Rejected, TextFilter
from soban.safety.masking import Placeholders
from soban.safety.policy import Policy
from soban.safety.scanner import Scanner
from soban.safety.spans import Measure
from soban.safety.taxonomy import CATEGORIES


@dataclass(frozen=True, slots=True)
class Passage:
    """One text of a request, and where it stands: in a message, or in a tool where `tool` is set."""

    text: str
    role: Role | None = None
    message: int = 0
    part: int = 0
    place: str = "text"
    tool: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A passage after judging. `masked` is its text with placeholders."""

    passage: Passage
    findings: Sequence[Finding]
    rejected: Sequence[Rejected]
    masked: str


class Checker:
    """Judges the passages of one request; equal values share a placeholder across them."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner

    def check(
        self, passages: Iterable[Passage], policy: Policy, direction: Direction, measure: Measure, *, explain: bool
    ) -> list[Judged]:
        """What the policy finds and does in each passage."""
        placeholders = Placeholders()
        return [
            self._judge(passage, policy.decisions(direction, passage.role), placeholders, measure, explain=explain)
            for passage in passages
        ]

    def mask(
        self, texts: Iterable[str], policy: Policy, categories: frozenset[str], measure: Measure, *, explain: bool
    ) -> list[Judged]:
        """The texts without those categories, or without what the policy masks where there are none."""
        decisions = _only_masking(policy.decisions(Direction.INPUT, Role.USER), categories)
        placeholders = Placeholders()
        return [self._judge(Passage(text), decisions, placeholders, measure, explain=explain) for text in texts]

    def _judge(
        self, passage: Passage, decisions: Decisions, placeholders: Placeholders, measure: Measure, *, explain: bool
    ) -> Judged:
        text_filter = TextFilter(
            self._scanner,
            decisions,
            placeholders,
            measure,
            stops=False,
            echoes=passage.role is Role.ASSISTANT,
            tells_rejected=explain,
        )
        piece = text_filter.push(passage.text, final=True)
        return Judged(passage, piece.findings, piece.rejected, piece.text)


def _only_masking(decisions: Decisions, categories: frozenset[str]) -> Decisions:
    if categories:
        done = {name: Action.MASK if name in categories else Action.ALLOW for name in CATEGORIES}
    else:
        masked = (name for name, action in decisions.done.items() if action is Action.MASK)
        done = dict.fromkeys(CATEGORIES, Action.ALLOW) | dict.fromkeys(masked, Action.MASK)
    return Decisions(done, done)
