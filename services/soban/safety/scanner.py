"""The scanner: goes through a text once, from left to right, however the text comes in pieces.

At each position the rules say what begins there as a function of the text from there on and a bounded piece before it,
or that they need more. Nothing is decided before they all know, and what is decided stays. The outcome is therefore
the same for every way of cutting the text, and nothing that is found has been let past before it was found.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import NamedTuple

from soban.safety.normalization import RAW, Folded, Folding
from soban.safety.outcomes import CONTEXT, MORE, WINDOW, Hit, Miss, Outcome, Rule, Window

Rank = Callable[[str], int]
"""How much a policy cares for a category: what it would mask must not lose to what it would only report."""
REPORTED = 1
"""Rank of what a policy only reports; from 2 on it acts."""
HIGHEST_RANK = 9

_SURE = 0.6
_ASCII = r"(?=[\x00-\x7f])"


class Found(NamedTuple):
    """A hit at `[start, end)` of the text as sent, in code points; the other fields are those of `Hit`."""

    start: int
    end: int
    category: str
    rule: str
    confidence: float
    severity: int
    value: str
    view: str
    evidence: tuple[str, ...]


class Dropped(NamedTuple):
    """A miss at `[start, end)` of the text as sent, in code points."""

    start: int
    end: int
    category: str
    reason: str


class Step(NamedTuple):
    """What a piece of text brought: whatever begins before `upto` is decided.

    `found` is in the order of its begins. Two may overlap, and one that begins before `upto` may end behind it.
    """

    upto: int
    found: Sequence[Found]
    dropped: Sequence[Dropped]


class Scanner:
    """A set of rules, compiled. Immutable, so that all texts of a server share it."""

    def __init__(self, rules: Sequence[Rule], folding: Folding) -> None:
        self.folding = folding
        self.find = re.compile(_any_trigger(rules)).search
        self._rules = [(re.compile(f"[{rule.starts}]"), rule) for rule in rules]
        self._by_first: dict[str, tuple[Rule, ...]] = {}

    def rules_for(self, first: str) -> tuple[Rule, ...]:
        """The rules that can begin with this character."""
        known = self._by_first.get(first)
        if known is None:
            known = tuple(rule for starts, rule in self._rules if starts.match(first))
            # What no rule begins with is not remembered, or every character there is would be.
            if known:
                self._by_first[first] = known
        return known

    def scan(self, rank: Rank) -> Scan:
        """A new text."""
        return Scan(self, rank)


class Scan:
    """One text on its way through the scanner."""

    def __init__(self, scanner: Scanner, rank: Rank) -> None:
        self._scanner = scanner
        self._rank = rank
        self._held = ""
        """The text as sent that is not decided."""
        self._text = ""
        """Up to CONTEXT folded characters that are decided, then those that are not."""
        self._origin: Sequence[int] = range(0)
        self._begin = 0
        self._total = 0
        self._hit_end = -1
        """Folded position at which the last hit ends; while it is ahead, only what is worse or longer counts."""
        self._hit_rank = 0

    def feed(self, piece: str, *, final: bool = False) -> Step:
        """The next piece; with `final` there is no more. All positions are those of the whole text."""
        folded = self._scanner.folding.fold(piece, self._total)
        self._held += piece
        self._total += len(piece)
        self._text += folded.text
        self._origin = _joined(self._origin, folded)
        found: list[Found] = []
        dropped: list[Dropped] = []
        at = self._walk(found, dropped, final)
        return Step(self._settle(at), found, dropped)

    def _walk(self, found: list[Found], dropped: list[Dropped], final: bool) -> int:
        """Decides as far as it can and returns the folded position up to which it could."""
        at, find = self._begin, self._scanner.find
        while True:
            if at != self._hit_end:
                candidate = find(self._text, at)
                start = len(self._text) if candidate is None else candidate.start()
                # What a hit is glued to has no trigger of its own.
                at = self._hit_end if at < self._hit_end < start else start
            if at >= len(self._text):
                return at
            outcome = self._decide(at, final)
            if outcome is MORE:
                return at
            at = self._note(at, outcome, found, dropped)

    def _decide(self, at: int, final: bool) -> Outcome:
        window = self._window(at, final)
        best: Hit | Miss | None = None
        for rule in self._scanner.rules_for(self._text[at]):
            outcome = rule.look(window)
            if outcome is MORE:
                return MORE
            if outcome is not None and (best is None or self._weight(outcome) > self._weight(best)):
                best = outcome
        return best

    def _weight(self, outcome: Hit | Miss) -> tuple[int, bool, int, float]:
        """Of two that begin together: what the policy cares for, then what is sure, then the longer."""
        if isinstance(outcome, Miss):
            return (HIGHEST_RANK if outcome.covers else -1, True, outcome.end, 0.0)
        return (self._rank(outcome.category), outcome.confidence >= _SURE, outcome.end, outcome.confidence)

    def _window(self, at: int, final: bool) -> Window:
        limit = self._origin[at] + WINDOW
        full = self._total >= limit
        end = len(self._text)
        if full:
            end = at + WINDOW if isinstance(self._origin, range) else bisect_left(self._origin, limit, at)
        return Window(self._text, at, end, final or full, at == self._hit_end, self._origin)

    def _note(self, at: int, outcome: Outcome, found: list[Found], dropped: list[Dropped]) -> int:
        """Writes the outcome down and returns where to go on."""
        if isinstance(outcome, Hit):
            self._note_hit(at, outcome, found)
        elif isinstance(outcome, Miss):
            start, end = self._origin[at], self._origin[outcome.end - 1] + 1
            if outcome.end > self._hit_end:
                dropped.append(Dropped(start, end, outcome.category, outcome.reason))
            if outcome.covers:
                return outcome.end
        return at + 1

    def _note_hit(self, at: int, hit: Hit, found: list[Found]) -> None:
        """One that lies in another counts only if the policy cares more for it; one that sticks out always does."""
        rank = self._rank(hit.category)
        is_inside = at < self._hit_end
        if is_inside and hit.end <= self._hit_end and rank <= self._hit_rank:
            return
        found.append(self._found(at, hit))
        if not is_inside or self._hit_rank <= REPORTED:
            self._hit_end, self._hit_rank = hit.end, rank
        elif rank > REPORTED:
            self._hit_end, self._hit_rank = max(self._hit_end, hit.end), max(self._hit_rank, rank)

    def _found(self, at: int, hit: Hit) -> Found:
        start, end = self._origin[at], self._origin[hit.end - 1] + 1
        begin = self._total - len(self._held)
        steps = (*self._scanner.folding.steps(self._held[start - begin : end - begin]), *hit.steps)
        view = "+".join(steps) or RAW
        return Found(start, end, hit.category, hit.rule, hit.confidence, hit.severity, hit.value, view, hit.evidence)

    def _settle(self, at: int) -> int:
        """Forgets what is decided but for its last CONTEXT characters. Returns how much of the text as sent is."""
        upto = self._origin[at] if at < len(self._text) else self._total
        self._held = self._held[upto - self._total :] if upto < self._total else ""
        cut = max(0, at - CONTEXT)
        self._text, self._origin = self._text[cut:], self._origin[cut:]
        self._begin = at - cut
        self._hit_end = self._hit_end - cut if self._hit_end >= cut else -1
        return upto


def _any_trigger(rules: Sequence[Rule]) -> str:
    """Matches wherever a rule may begin. Most characters are passed over after one look, Hangul above all."""
    ascii_only = [rule for rule in rules if rule.starts.isascii()]
    others = [rule for rule in rules if not rule.starts.isascii()]
    halves = [
        f"{kind}(?:{'|'.join(f'(?=[{rule.starts}]){rule.trigger}' for rule in half)})"
        for kind, half in ((_ASCII, ascii_only), ("", others))
        if half
    ]
    return f"(?=[{''.join(rule.starts for rule in rules)}])(?:{'|'.join(halves)})"


def _joined(origin: Sequence[int], folded: Folded) -> Sequence[int]:
    if not origin:
        return folded.origin
    if not folded.origin:
        return origin
    if isinstance(origin, range) and isinstance(folded.origin, range) and origin.stop == folded.origin.start:
        return range(origin.start, folded.origin.stop)
    return [*origin, *folded.origin]
