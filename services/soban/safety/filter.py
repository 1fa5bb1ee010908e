"""One text through one policy, as it comes: what passes, what is masked, what stops it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from soban.safety.decisions import Action, Decisions
from soban.safety.masking import Placeholders
from soban.safety.rules.placeholder import LOOKALIKE
from soban.safety.scanner import Dropped, Found, Scan, Scanner
from soban.safety.spans import Measure, Ruler

SLICE = 8_192
"""Code points that are scanned in one go, which bounds what a finding costs and how long other threads wait."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found, and what was done with it. Positions count from the text's begin, in the unit asked for."""

    category: str
    rule: str
    start: int
    end: int
    action: Action
    confidence: float
    severity: int
    view: str
    placeholder: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that was dropped."""

    category: str
    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Piece:
    """What may go out after a piece of text came in."""

    text: str
    findings: Sequence[Finding] = ()
    rejected: Sequence[Rejected] = ()


class TextFilter:
    """Pure: text in, text out.

    With `stops`, the first finding to be blocked ends it, and nothing follows. `echoes` says that placeholders in the
    text are the model's echo of ours. With `tells_rejected`, dropped candidates are reported.
    """

    def __init__(
        self,
        scanner: Scanner,
        decisions: Decisions,
        placeholders: Placeholders,
        measure: Measure = len,
        *,
        stops: bool = True,
        echoes: bool = False,
        tells_rejected: bool = False,
    ) -> None:
        self._scan: Scan = scanner.scan(decisions.rank)
        self._decisions = decisions
        self._placeholders = placeholders
        self._ruler = Ruler(measure)
        self._ruler_of_rejected = Ruler(measure)
        self._stops = stops
        self._echoes = echoes
        self._tells_rejected = tells_rejected
        self._passes_all = decisions.change_nothing
        self._held = ""
        """What came in and is not decided."""
        self._begin = 0
        """Position of `_held` in code points."""
        self._done = 0
        """Code points that have gone out, or something in their place."""
        self.stopped = False
        self.released = 0
        """Code points that have gone out."""

    def push(self, text: str, *, final: bool = False) -> Piece:
        """More text; with `final` it is the last."""
        slices = [text[begin : begin + SLICE] for begin in range(0, max(1, len(text)), SLICE)]
        last = len(slices) - 1
        pieces = [self._push(part, final=final and place == last) for place, part in enumerate(slices)]
        return Piece(
            "".join(piece.text for piece in pieces),
            [finding for piece in pieces for finding in piece.findings],
            [candidate for piece in pieces for candidate in piece.rejected],
        )

    def _push(self, text: str, *, final: bool) -> Piece:
        if self.stopped:
            return Piece("")
        self._held += text
        step = self._scan.feed(text, final=final)
        rejected = [self._rejected(dropped) for dropped in step.dropped] if self._tells_rejected else ()
        findings: list[Finding] = []
        out: list[str] = []
        for found in step.found:
            out += self._take(found.start), self._apply(found, findings)
            if self.stopped:
                rejected = [candidate for candidate in rejected if candidate.start < findings[-1].start]
                break
        else:
            out.append(self._take(step.upto))
            self._forget(step.upto)
        released = text if self._passes_all else "".join(out)
        self.released += len(released)
        return Piece(released, findings, rejected)

    def _rejected(self, dropped: Dropped) -> Rejected:
        start, end = self._ruler_of_rejected.span(dropped.start, dropped.end, self._held, self._begin)
        return Rejected(dropped.category, start, end, dropped.reason)

    def _apply(self, found: Found, findings: list[Finding]) -> str:
        """What goes out in place of what was found, or of its rest where another finding took its begin."""
        if found.category == LOOKALIKE:
            return self._placeholders.meet(self._take(found.end), is_echo=self._echoes)
        action = self._decisions.done[found.category]
        masked = action is Action.MASK
        placeholder = self._placeholders.of(found.category, found.value) if masked else ""
        start, end = self._ruler.span(found.start, found.end, self._held, self._begin)
        findings.append(
            Finding(
                category=found.category,
                rule=found.rule,
                start=start,
                end=end,
                action=action,
                confidence=found.confidence,
                severity=found.severity,
                view=found.view,
                placeholder=placeholder,
                evidence=found.evidence,
            )
        )
        self.stopped = self._stops and action is Action.BLOCK
        if masked:
            self._take(found.end)
        return placeholder

    def _take(self, upto: int) -> str:
        """The text before `upto` that has not gone out."""
        taken = self._held[self._done - self._begin : max(0, upto - self._begin)]
        self._done = max(self._done, upto)
        return taken

    def _forget(self, upto: int) -> None:
        """Drops the text in which nothing can begin any more."""
        self._ruler.at(upto, self._held, self._begin)
        self._ruler_of_rejected.at(upto, self._held, self._begin)
        self._held, self._begin = self._held[upto - self._begin :], upto
