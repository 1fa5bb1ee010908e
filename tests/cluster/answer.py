"""One streamed answer as a client sees it, and the faults that it may have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["ok", "broken", "refused"]

_SYLLABLE = re.compile("[가-힣]")
# A piece that begins with a vowel or a final consonant of conjoining jamo has cut a syllable.
_CUT_SYLLABLE = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff]")
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Ask:
    """What is asked over and over: `tokens` of output exactly, as the end token is ignored."""

    model: str
    tokens: int = 128
    timeout: float = 120.0


@dataclass(frozen=True)
class Answer:
    """One request. Times are in seconds; `sent` is on time.monotonic, `first` and `seconds` count from it."""

    number: int
    api: str
    sent: float
    seconds: float
    status: Status = "ok"
    first: float | None = None
    """Until the first text; None when none came."""
    tokens: int = 0
    queued: float = 0.0
    """Waited for an engine, on the server's clock: in the queue, or held while there was none."""
    resumes: int = 0
    why: str = ""
    """Status and reason of a refusal, or what is wrong with a broken stream."""

    @property
    def ended(self) -> float:
        """When it was over, on time.monotonic."""
        return self.sent + self.seconds


@dataclass
class Heard:
    """What has come of a stream so far."""

    pieces: list[str] = field(default_factory=list)
    finish: str = ""
    tokens: int = 0
    queued: float = 0.0
    resumes: int = 0
    complete: bool = False
    """Whether its last event came: the summary by gRPC, `[DONE]` by HTTP."""
    error: str = ""
    refused: bool = False
    """Whether the server said, before any text, that the same request may be sent again later."""

    def fault(self, tokens: int) -> str:
        """What is wrong with a stream of so many tokens; empty for nothing."""
        if self.error:
            return self.error
        if not self.complete:
            return "ended without its last event"
        if self.finish != "length":
            return f"finish reason is {self.finish or 'missing'}, not length"
        if self.tokens != tokens:
            return f"{self.tokens} tokens were counted, not {tokens}"
        return text_fault(self.pieces)


def text_fault(pieces: Sequence[str]) -> str:
    """What is wrong with Korean text that came in pieces; empty for nothing."""
    text = "".join(pieces)
    if not _SYLLABLE.search(text):
        return "no Hangul in the text"
    if _REPLACEMENT in text:
        return "a character was cut"
    if any(_CUT_SYLLABLE.match(piece) for piece in pieces):
        return "a Hangul syllable was cut"
    return ""
