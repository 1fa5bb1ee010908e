"""A Filter stream: its lanes, each a text of its own through the same policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from soban.runtime.errors import InvalidField
from soban.safety.decisions import Action, Decisions
from soban.safety.filter import Finding, Piece, Rejected, TextFilter
from soban.safety.masking import Placeholders
from soban.safety.scanner import Scanner
from soban.safety.spans import Measure

MOST_LANES = 64


@dataclass(slots=True)
class Lane:
    """One text under way, and all that was found in it."""

    number: int
    filter: TextFilter
    waiting: list[str] = field(default_factory=list)
    """Pieces that have come and are not filtered yet."""
    findings: list[Finding] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    ended: bool = False

    @property
    def action(self) -> Action:
        """The strongest so far."""
        return max((finding.action for finding in self.findings), default=Action.ALLOW)


@dataclass(frozen=True, slots=True)
class Release:
    """What a lane gives out. With `over` nothing follows in it."""

    lane: Lane
    piece: Piece
    over: bool


class FilterStream:
    """The lanes of one call. Placeholders count for each lane by itself, as lanes do not depend on each other.

    `answered` are the texts that the stream answers; their placeholders keep their numbers.
    """

    def __init__(
        self, scanner: Scanner, decisions: Decisions, measure: Measure, answered: Iterable[str], *, explain: bool
    ) -> None:
        self._scanner = scanner
        self._decisions = decisions
        self._measure = measure
        self._placeholders = Placeholders()
        for text in answered:
            self._placeholders.reserve(text)
        self._explain = explain
        self._lanes: dict[int, Lane] = {}

    def add(self, number: int, text: str) -> None:
        """More text of a lane. Raises InvalidField when the lane has ended; one that was stopped takes no notice."""
        lane = self._lane(number, "text.lane")
        if lane.ended:
            raise InvalidField(f"lane {number} has ended", field="text.lane")
        lane.waiting.append(text)

    def end(self, number: int) -> Iterator[Release]:
        """The end of a lane. Raises InvalidField when it has ended before."""
        lane = self._lane(number, "end.lane")
        if lane.ended:
            raise InvalidField(f"lane {number} has ended", field="end.lane")
        lane.ended = True
        return self._run(lane, final=True)

    def run(self) -> Iterator[Release]:
        """Filters what has come since."""
        for lane in self._lanes.values():
            if lane.waiting:
                yield from self._run(lane, final=False)

    def finish(self) -> Iterator[Release]:
        """Ends every lane that has not ended."""
        for number, lane in sorted(self._lanes.items()):
            if not lane.ended:
                yield from self.end(number)

    def _run(self, lane: Lane, *, final: bool) -> Iterator[Release]:
        text, lane.waiting = "".join(lane.waiting), []
        if lane.filter.stopped:
            return
        piece = lane.filter.push(text, final=final)
        lane.findings += piece.findings
        lane.rejected += piece.rejected
        over = final or lane.filter.stopped
        if piece.text or piece.findings or over:
            yield Release(lane, piece, over)

    def _lane(self, number: int, path: str) -> Lane:
        if number not in self._lanes:
            if not 0 <= number < MOST_LANES:
                raise InvalidField(f"lanes are numbered from 0 to {MOST_LANES - 1}", field=path)
            text_filter = TextFilter(
                self._scanner,
                self._decisions,
                self._placeholders.copy(),
                self._measure,
                tells_rejected=self._explain,
            )
            self._lanes[number] = Lane(number, text_filter)
        return self._lanes[number]
