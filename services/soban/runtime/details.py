"""`google.rpc` error details: packed so that they fit a gRPC trailer, and read back from one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from google.protobuf import duration_pb2
from google.protobuf import message as protobuf
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

DETAILS_KEY = "grpc-status-details-bin"

# All trailers together may take 8 KiB by default, and the message is there twice: percent-encoded, where one Korean
# syllable takes nine bytes, and in the details.
_MESSAGE_BYTES = 600
_VALUE_BYTES = 200
_VIOLATIONS = 8


class FieldViolation(NamedTuple):
    """One wrong request field: its path in the message (`messages[2].content`) and what is wrong with it."""

    field: str
    description: str


@dataclass(frozen=True)
class Details:
    """What a status carried; empty where it carried nothing."""

    reason: str = ""
    domain: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[FieldViolation, ...] = ()
    retry_after: float | None = None


def clip(text: str, limit: int = _MESSAGE_BYTES) -> str:
    """`text`, cut at a character so that its UTF-8 form takes at most `limit` bytes; lone surrogates become `?`."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return raw.decode()
    return raw[: limit - 3].decode("utf-8", "ignore") + "…"


def error_info(reason: str, domain: str, metadata: Mapping[str, str]) -> protobuf.Message:
    """Why, in words for programs."""
    kept = {clip(key, 60): clip(value, _VALUE_BYTES) for key, value in list(metadata.items())[:8]}
    info: protobuf.Message = error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=kept)
    return info


def bad_request(violations: Sequence[FieldViolation]) -> protobuf.Message:
    """Which fields; the first eight of them."""
    kind = error_details_pb2.BadRequest.FieldViolation
    kept = [
        kind(field=clip(path, _VALUE_BYTES), description=clip(text, _VALUE_BYTES))
        for path, text in violations[:_VIOLATIONS]
    ]
    bad: protobuf.Message = error_details_pb2.BadRequest(field_violations=kept)
    return bad


def retry_info(seconds: float) -> protobuf.Message:
    """When the same request is worth sending again."""
    delay = duration_pb2.Duration()
    delay.FromNanoseconds(round(max(0.0, seconds) * 1e9))
    info: protobuf.Message = error_details_pb2.RetryInfo(retry_delay=delay)
    return info


def quota_failure(subject: str, text: str) -> protobuf.Message:
    """Whose quota is spent."""
    violation = error_details_pb2.QuotaFailure.Violation(subject=clip(subject), description=clip(text, _VALUE_BYTES))
    failure: protobuf.Message = error_details_pb2.QuotaFailure(violations=[violation])
    return failure


def unpack(trailers: Iterable[tuple[str, str | bytes]] | None) -> Details:
    """The details in a call's trailing metadata; unreadable ones count as absent."""
    raw = next((value for key, value in trailers or () if key == DETAILS_KEY), b"")
    status = status_pb2.Status()
    try:
        status.ParseFromString(raw if isinstance(raw, bytes) else raw.encode())
    except protobuf.DecodeError:
        return Details()
    return _read(status)


def _read(status: status_pb2.Status) -> Details:
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    seen = {kind.DESCRIPTOR for kind in (info, bad, retry) for packed in status.details if packed.Unpack(kind)}
    return Details(
        reason=info.reason,
        domain=info.domain,
        metadata=dict(info.metadata),
        violations=tuple(FieldViolation(item.field, item.description) for item in bad.field_violations),
        retry_after=retry.retry_delay.ToNanoseconds() / 1e9 if retry.DESCRIPTOR in seen else None,
    )
