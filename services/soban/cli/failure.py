"""What went wrong, as one line for people, one object for programs, and an exit code."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from soban.runtime.details import unpack

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

_MENDS = {
    "MODEL_NOT_FOUND": "see the models with: soban models",
    "TOKENIZER_NOT_FOUND": "see the models with: soban models",
    "CONTEXT_OVERFLOW": "shorten the text or lower --max-tokens",
    "TEXT_TOO_LONG": "split the text",
    "NO_REPLICA": "see: soban models; generation's log says why",
    "NOT_READY": "wait until it has loaded; see: soban health",
    "SERVICE_UNREACHABLE": "see: soban health",
    "ENGINE_LOST": "send it again; the engine is being restarted",
    "ENGINE_FAILED": "send it again; if it fails again, see the engine's log",
    "DEADLINE_EXCEEDED": "give it longer with --timeout",
}


class Failure(Exception):  # noqa: N818 - a person reads it, a program reads the exit code
    """Ends the command. Shown as `soban: <what> (<REASON>): <message>; <mend>`."""

    def __init__(self, what: str, reason: str, message: str, mend: str = "", exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.what, self.reason, self.message, self.mend = what, reason, message, mend
        self.exit_code = exit_code

    def __str__(self) -> str:
        """The line."""
        return one_line(self.what, self.reason, self.message, self.mend)


def one_line(what: str, reason: str, message: str, mend: str = "") -> str:
    """`soban: <what> (<REASON>): <message>; <mend>`."""
    line = f"soban: {what} ({reason}): {message.rstrip('.')}" + (f"; {mend}" if mend else "")
    return " ".join(line.split())


@dataclass(frozen=True)
class Problem:
    """Why one request failed: the name of its gRPC status, the reason, a sentence."""

    code: str
    reason: str
    message: str
    field: str = ""
    retry_after: float | None = None
    unreachable: bool = False
    """Nobody answered at that address: the status comes from gRPC's client side and not from a Soban server."""

    def as_json(self) -> dict[str, str]:
        """The `error` object of a JSON line."""
        return {"code": self.code, "reason": self.reason, "message": self.message}

    @property
    def mend(self) -> str:
        """What to do about it; empty when nothing is known."""
        if self.retry_after is not None and self.code == "RESOURCE_EXHAUSTED":
            return f"try again in {max(1, round(self.retry_after))} s"
        return _MENDS.get(self.reason, "")

    def line(self, what: str) -> str:
        """The line for people; `what` says which request it was."""
        return one_line(what, self.reason, self.message, self.mend)


def invalid(reason: str, message: str) -> Problem:
    """An input that is refused before it is sent."""
    return Problem("INVALID_ARGUMENT", reason, message)


def problem_of(err: grpc.RpcError) -> Problem:
    """Reads the status and its `google.rpc` details, of a call by `grpc` or by `grpc.aio`."""
    if not isinstance(err, grpc.Call | grpc.aio.AioRpcError):
        return Problem("UNKNOWN", "UNKNOWN", str(err))
    code, found = err.code(), unpack(err.trailing_metadata())
    text = err.details() or code.name.lower().replace("_", " ")
    field = found.violations[0].field if found.violations else ""
    message = text if text.startswith(field) else f"{field}: {text}"
    unreachable = code is grpc.StatusCode.UNAVAILABLE and not found.reason
    return Problem(code.name, found.reason or code.name, message, field, found.retry_after, unreachable)
