"""Tokens that cannot be shown yet, since their text is held back: half a stop text, an open syllable, half a character.

An answer that breaks off is continued after what was shown of it. A token that was counted before its text is shown
would be missing from the rest, and a log-probability that was shown before it would come twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import soban.v1 as pb
from soban.generation.engine import Piece


class WaitingTokens:
    """`add` what each event brings, then `settle` puts on a piece what belongs to text that has left."""

    def __init__(self) -> None:
        self.events: deque[tuple[int, int, Sequence[pb.TokenLogprob]]] = deque()
        """Characters, tokens and log-probabilities of each event that waits."""

    def add(self, characters: int, tokens: int, logprobs: Sequence[pb.TokenLogprob]) -> None:
        """An event with so many characters of text; one without any belongs to the text after it."""
        self.events.append((characters, tokens, logprobs))

    def settle(self, piece: Piece, held: int) -> None:
        """The last `held` characters of the text are held back: what lies wholly in them, or after them, waits on.

        Text that was left out since it was broken counts as if it were there; it makes tokens leave a little early.
        """
        kept = 0
        for characters, _, _ in reversed(self.events):
            held -= characters
            if held < 0:
                break
            kept += 1
        while len(self.events) > kept:
            self._leave(piece)

    def settle_all(self, piece: Piece) -> None:
        """Nothing is held back any more."""
        while self.events:
            self._leave(piece)

    def _leave(self, piece: Piece) -> None:
        _, tokens, logprobs = self.events.popleft()
        piece.tokens += tokens
        piece.logprobs += logprobs
