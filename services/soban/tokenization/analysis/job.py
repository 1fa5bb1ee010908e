"""A job for a worker and its answer, as objects and as frames on a socket.

A job is a header and an `AnalyzeBatchRequest`; its answer is a header and an `AnalyzeBatchResponse` with one result for
each text. A worker answers its jobs in order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum, IntFlag
from typing import NamedTuple

import soban.v1 as pb

JOB_HEADER = struct.Struct("<IIIIB")
"""Bytes after it, offset, eojeol, line, flags."""
ANSWER_HEADER = struct.Struct("<IB")
"""Bytes after it, outcome."""


class Flag(IntFlag):
    """What else a job says."""

    NONE = 0
    SENTENCES_ONLY = 1
    """Morphemes are left out of the answer."""
    WITH_SENTENCES = 2
    """Sentences are answered whether or not the options ask for them."""
    OPEN_ENDING = 4
    """The text goes on: its end is no end of a sentence."""


class Outcome(IntEnum):
    """How a job went."""

    DONE = 0
    FAILED = 1
    """The worker goes on; what happened is in its log."""


class Start(NamedTuple):
    """Where the text of a job begins in the text as sent: offset in the unit of the request, eojeol, line."""

    offset: int = 0
    eojeol: int = 0
    line: int = 0


BEGIN = Start()


class Job(NamedTuple):
    """Texts to analyse in the same way. With a `start` of its own it has a single text."""

    request: bytes
    """An `AnalyzeBatchRequest`."""
    start: Start = BEGIN
    flags: Flag = Flag.NONE

    def frame(self) -> bytes:
        """What is sent."""
        return JOB_HEADER.pack(len(self.request), *self.start, self.flags) + self.request


class Options:
    """Options of a request, encoded once for all of its jobs."""

    def __init__(self, options: pb.AnalyzeOptions) -> None:
        self._encoded = pb.AnalyzeBatchRequest(options=options).SerializeToString()

    def job(self, texts: Iterable[str], start: Start = BEGIN, flags: Flag = Flag.NONE) -> Job:
        """A job; encoded messages that stand one after another are one message."""
        return Job(self._encoded + pb.AnalyzeBatchRequest(texts=texts).SerializeToString(), start, flags)


def answer_frame(outcome: Outcome, answer: bytes = b"") -> bytes:
    """What a worker sends back."""
    return ANSWER_HEADER.pack(len(answer), outcome) + answer
