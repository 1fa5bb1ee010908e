"""A worker: takes jobs from its socket one after another, and ends when the other side does."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from typing import BinaryIO, Protocol

import soban.v1 as pb
from soban.tokenization.analysis.job import JOB_HEADER, Flag, Outcome, Start, answer_frame

_logger = logging.getLogger(__name__)

_Received = tuple[pb.AnalyzeBatchRequest, Start, Flag]


class Answering(Protocol):
    """Does jobs; `Analyst` does."""

    def answer(self, request: pb.AnalyzeBatchRequest, start: Start, flags: Flag) -> bytes:
        """An encoded `AnalyzeBatchResponse` with one result for each text."""


def work(connection: socket.socket, analyst: Answering) -> None:
    """Returns at the end of file. A job that fails is answered so, and the next one is taken."""
    with connection, connection.makefile("rb") as stream:
        for request, start, flags in _jobs(stream):
            connection.sendall(_answer(analyst, request, start, flags))


def _answer(analyst: Answering, request: pb.AnalyzeBatchRequest, start: Start, flags: Flag) -> bytes:
    try:
        return answer_frame(Outcome.DONE, analyst.answer(request, start, flags))
    except Exception:  # the caller is told and the worker lives on
        _logger.exception("analysis failed", extra={"count": len(request.texts), "bytes": request.ByteSize()})
        return answer_frame(Outcome.FAILED)


def _jobs(stream: BinaryIO) -> Iterator[_Received]:
    while len(header := stream.read(JOB_HEADER.size)) == JOB_HEADER.size:
        size, offset, eojeol, line, flags = JOB_HEADER.unpack(header)
        body = stream.read(size)
        if len(body) < size:
            return
        yield pb.AnalyzeBatchRequest.FromString(body), Start(offset, eojeol, line), Flag(flags)
