"""Log-probabilities leave only with the text that they belong to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import soban.v1 as pb


class LogprobLedger:
    """Holds the log-probabilities of one choice back until the filter has released their tokens.

    The rule: a token goes out once its bytes are the next bytes of the text delivered. At the first token whose bytes
    are not (the filter masked or restored something, or the text was cut at a stop text) it withholds that token and
    all later ones of the choice. So nothing can be read here that could not be read in the text, but for the
    alternatives of a released token, which are single tokens that the model did not write.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[bytes, pb.TokenLogprob]] = deque()
        self._delivered = b""
        self._intact = True

    def wrote(self, logprobs: Iterable[pb.TokenLogprob]) -> None:
        """What came with text of the model."""
        if self._intact:
            self._waiting.extend((token.bytes or token.token.encode(), token) for token in logprobs)

    def released(self, text: str) -> list[pb.TokenLogprob]:
        """The log-probabilities that may go out with `text`, which the filter has just released."""
        if not self._intact:
            return []
        self._delivered += text.encode()
        out = []
        while self._waiting:
            raw, token = self._waiting[0]
            if not self._delivered.startswith(raw):
                self._intact = raw.startswith(self._delivered)
                break
            self._delivered = self._delivered[len(raw) :]
            self._waiting.popleft()
            out.append(token)
        return out
