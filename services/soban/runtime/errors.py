# ruff: noqa: N818 - an error is named by what went wrong, and the tree below says that these are errors.
"""Every error a Soban server answers with. Code and reason are class attributes; one interceptor reads them.

SobanError
 +- InvalidArgument
 |   +- InvalidField         a request field is wrong
 |   +- TextTooLong          a text is over the limit
 |   +- ContextOverflow      prompt and output do not fit the model's context
 |   +- InvalidMessage       the request is no valid protobuf, for example not UTF-8
 +- NotFound
 |   +- ModelNotFound
 |   +- TokenizerNotFound
 |   +- DictionaryNotFound
 |   +- PolicyNotFound
 +- KeyInvalid               no key, or an unknown one
 +- ModelForbidden           this key may not use that model
 +- PolicyForbidden          requests may not choose that safety policy
 +- ResourceExhausted        RetryInfo is sent
 |   +- QueueFull
 |   +- EngineOverloaded
 |   +- QuotaExceeded        QuotaFailure is sent too
 +- Unavailable              RetryInfo is sent
 |   +- NoReplica            no engine is ready
 |   +- EngineLost           the connection to the engine broke, or it fell silent: it may be dead
 |   +- EngineFailed         the engine answered, with an error of its own: it lives
 |   +- NotReady             this server is still loading
 |   +- ServiceUnreachable   another service of ours does not answer
 |   +- LoadUnknown          numbers of a model's load are missing: they are never taken for zero
 +- NotBuilt                 the contract has it, this release does not
 +- DeadlineExceeded
 +- Cancelled
 +- Internal                 our bug: the message stays in the log, the client gets an id
 +- UpstreamStatus           a status of a third party that has no name here
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.protobuf import message as protobuf
from google.rpc import status_pb2  # type: ignore[import-untyped]

from soban.runtime.details import FieldViolation, bad_request, clip, error_info, quota_failure, retry_info, unpack

DOMAIN = "soban"

_DEFAULT_RETRY_SECONDS = 1.0
_RETRYABLE = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)


class SobanError(Exception):
    """Base of the tree.

    `message` is for people and reaches the client; it never holds user text. `quoted` is what an engine said of the
    request, which may repeat it: the client reads it, and neither `str` nor `repr` show it, so that no log has it.
    `field` names the wrong request field, `violations` names several. `retry_after` is in seconds; RESOURCE_EXHAUSTED
    and UNAVAILABLE default to 1.
    """

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN
    reason: str = ""
    domain: str = DOMAIN

    def __init__(
        self,
        message: str,
        *,
        quoted: str = "",
        field: str | None = None,
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.quoted = quoted
        self.metadata: dict[str, str] = dict(metadata or {})
        first = [FieldViolation(field, message)] if field is not None else []
        self.violations: tuple[FieldViolation, ...] = (*first, *(FieldViolation(*pair) for pair in violations))
        if retry_after is None and self.code in _RETRYABLE:
            retry_after = _DEFAULT_RETRY_SECONDS
        self.retry_after = retry_after

    @property
    def field(self) -> str | None:
        """Path of the first wrong field, or None."""
        return self.violations[0].field if self.violations else None

    @property
    def whole_message(self) -> str:
        """With what is quoted: for the sender of the request, and for the log where no user sent it."""
        return f"{self.message}: {self.quoted}" if self.quoted else self.message

    @property
    def public_message(self) -> str:
        """What the client reads."""
        return self.whole_message

    def to_status(self) -> status_pb2.Status:
        """The `google.rpc.Status` with all its details, cut so that it fits a gRPC trailer."""
        status = status_pb2.Status(code=self.code.value[0], message=clip(self.public_message))
        for detail in self._details():
            status.details.add().Pack(detail)
        return status

    def _details(self) -> list[protobuf.Message]:
        details = [error_info(self.reason, self.domain, self.metadata)]
        if self.violations and self.code is grpc.StatusCode.INVALID_ARGUMENT:
            details.append(bad_request(self.violations))
        if self.retry_after is not None and self.code in _RETRYABLE:
            details.append(retry_info(self.retry_after))
        return details


class InvalidArgument(SobanError):
    """The request is wrong and stays wrong when sent again."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class InvalidField(InvalidArgument):
    reason = "INVALID_FIELD"


class TextTooLong(InvalidArgument):
    reason = "TEXT_TOO_LONG"


class ContextOverflow(InvalidArgument):
    reason = "CONTEXT_OVERFLOW"


class InvalidMessage(InvalidArgument):
    reason = "INVALID_MESSAGE"


class NotFound(SobanError):
    """What the request names does not exist here."""

    code = grpc.StatusCode.NOT_FOUND


class ModelNotFound(NotFound):
    reason = "MODEL_NOT_FOUND"


class TokenizerNotFound(NotFound):
    reason = "TOKENIZER_NOT_FOUND"


class DictionaryNotFound(NotFound):
    reason = "DICTIONARY_NOT_FOUND"


class PolicyNotFound(NotFound):
    reason = "POLICY_NOT_FOUND"


class KeyInvalid(SobanError):
    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "KEY_INVALID"


class ModelForbidden(SobanError):
    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "MODEL_FORBIDDEN"


class PolicyForbidden(SobanError):
    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "POLICY_FORBIDDEN"


class ResourceExhausted(SobanError):
    """Too much at once; the same request succeeds later."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class QueueFull(ResourceExhausted):
    reason = "QUEUE_FULL"


class EngineOverloaded(ResourceExhausted):
    reason = "ENGINE_OVERLOADED"


class QuotaExceeded(ResourceExhausted):
    reason = "QUOTA_EXCEEDED"

    def _details(self) -> list[protobuf.Message]:
        return [*super()._details(), quota_failure(self.metadata.get("subject", ""), self.public_message)]


class Unavailable(SobanError):
    """Nobody can answer now; the same request succeeds later or elsewhere."""

    code = grpc.StatusCode.UNAVAILABLE


class NoReplica(Unavailable):
    reason = "NO_REPLICA"


class EngineLost(Unavailable):
    """The request may be what killed the engine: only its sender, who knows it, should try it again."""

    reason = "ENGINE_LOST"


class EngineFailed(Unavailable):
    """The engine lives; it failed over this request, which only its sender, as for EngineLost, should try again."""

    reason = "ENGINE_FAILED"


class NotReady(Unavailable):
    reason = "NOT_READY"


class ServiceUnreachable(Unavailable):
    reason = "SERVICE_UNREACHABLE"


class LoadUnknown(Unavailable):
    reason = "LOAD_UNKNOWN"


class NotBuilt(SobanError):
    code = grpc.StatusCode.UNIMPLEMENTED
    reason = "NOT_BUILT"


class DeadlineExceeded(SobanError):
    code = grpc.StatusCode.DEADLINE_EXCEEDED
    reason = "DEADLINE_EXCEEDED"


class Cancelled(SobanError):
    code = grpc.StatusCode.CANCELLED
    reason = "CANCELLED"


class Internal(SobanError):
    """Its message is for the log alone; the client gets `id`, under which the log has it."""

    code = grpc.StatusCode.INTERNAL
    reason = "INTERNAL"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message, **details)
        self.metadata.setdefault("id", secrets.token_hex(8))

    @property
    def id(self) -> str:
        """What the client quotes and the log holds."""
        return self.metadata["id"]

    @property
    def public_message(self) -> str:
        """Nothing of the message."""
        return f"internal error {self.id}"


class UpstreamStatus(SobanError):
    """It keeps its code, and its reason and domain when it brought an ErrorInfo."""

    reason = "UPSTREAM_STATUS"

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = reason,
        domain: str = DOMAIN,
        **details: Any,
    ) -> None:
        self.code, self.reason, self.domain = code, reason, domain
        super().__init__(message, **details)


def from_rpc_error(err: grpc.aio.AioRpcError) -> SobanError:
    """The error an upstream call ended with, as the upstream raised it: class, fields, retry time, metadata.

    A status without details of ours keeps its code and loses its text, which gRPC wrote and which may hold addresses
    or metadata; UNKNOWN and INTERNAL become `Internal`.
    """
    found = unpack(err.trailing_metadata())
    kept: dict[str, Any] = {
        "metadata": found.metadata,
        "violations": found.violations,
        "retry_after": found.retry_after,
    }
    text = err.details() or err.code().name
    if err.code() in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL):
        return Internal(f"upstream: {text}", **kept)
    named = _by_reason().get(found.reason)
    if found.domain != DOMAIN:
        named, text = _WITHOUT_DETAILS.get(err.code()), _SENTENCES.get(err.code(), f"upstream: {err.code().name}")
    if named is not None and named.code is err.code():
        return named(text, **kept)
    reason = found.reason or UpstreamStatus.reason
    return UpstreamStatus(text, code=err.code(), reason=reason, domain=found.domain or DOMAIN, **kept)


_WITHOUT_DETAILS: dict[grpc.StatusCode, type[SobanError]] = {
    grpc.StatusCode.UNAVAILABLE: ServiceUnreachable,
    grpc.StatusCode.UNIMPLEMENTED: NotBuilt,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.CANCELLED: Cancelled,
}

_SENTENCES: dict[grpc.StatusCode, str] = {
    grpc.StatusCode.UNAVAILABLE: "a service behind this one does not answer",
    grpc.StatusCode.UNIMPLEMENTED: "a service behind this one does not have this method",
    grpc.StatusCode.DEADLINE_EXCEEDED: "the deadline has passed",
    grpc.StatusCode.CANCELLED: "the call was cancelled",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "a message or its metadata is too large",
}


def _by_reason() -> dict[str, type[SobanError]]:
    groups, leaves = [SobanError], {}
    while groups:
        for kind in groups.pop().__subclasses__():
            groups.append(kind)
            leaves[kind.reason] = kind
    return leaves
