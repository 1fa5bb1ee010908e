"""What a scanner sees in a text, as short tuples to compare with."""

from __future__ import annotations

from collections.abc import Sequence

from soban.safety.decisions import Decisions, Direction, Role
from soban.safety.filter import Finding, TextFilter
from soban.safety.masking import Placeholders
from soban.safety.policy import Policies
from soban.safety.rules.placeholder import LOOKALIKE
from soban.safety.scanner import Found, Scanner


def found_in(scanner: Scanner, text: str) -> list[Found]:
    """All findings of a whole text."""
    step = scanner.scan(lambda _: 1).feed(text, final=True)
    return [found for found in step.found if found.category != LOOKALIKE]


def seen(scanner: Scanner, text: str) -> list[tuple[str, str]]:
    """Category and the piece of the text, of all findings."""
    return [(found.category, text[found.start : found.end]) for found in found_in(scanner, text)]


def reasons_against(scanner: Scanner, text: str) -> list[str]:
    """Why candidates were dropped."""
    return [dropped.reason for dropped in scanner.scan(lambda _: 1).feed(text, final=True).dropped]


def output_decisions(name: str = "default") -> Decisions:
    """A shipped policy on what a model writes."""
    return Policies().get(name, "policy").decisions(Direction.OUTPUT, Role.ASSISTANT)


def filtered(
    scanner: Scanner, pieces: Sequence[str], decisions: Decisions, *, stops: bool = True
) -> tuple[list[str], list[Finding], TextFilter]:
    """What comes out after each piece and at the end, all findings, and the filter."""
    text_filter = TextFilter(scanner, decisions, Placeholders(), stops=stops)
    released = [text_filter.push(piece) for piece in pieces] + [text_filter.push("", final=True)]
    return [piece.text for piece in released], [found for piece in released for found in piece.findings], text_filter
