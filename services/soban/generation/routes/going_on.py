"""Whether a route goes on to its next member, and with how much time."""

from __future__ import annotations

import time
from collections.abc import Sequence

import grpc

import soban.v1 as pb
from soban.generation.target import Target
from soban.runtime.errors import ContextOverflow, Internal, SobanError

_RETRYABLE = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
# What is the member's matter and not the request's. Keys are checked by the gateway: one that is refused here is the
# operator's own at an external engine. A deadline that passed for one member alone leaves time for the next.
_ELSEWHERE = (
    *_RETRYABLE,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
)
_DOWN = (pb.Model.STATE_LOADING, pb.Model.STATE_UNAVAILABLE)


def may_succeed_elsewhere(err: SobanError) -> bool:
    """Whether another model may answer what this error ended."""
    return err.code in _ELSEWHERE or isinstance(err, ContextOverflow)


def spent(deadline: float | None) -> bool:
    """Whether no time is left."""
    return deadline is not None and time.monotonic() >= deadline


def share_of_time(deadline: float | None, members_left: int, longest: float | None = None) -> float | None:
    """Seconds for the first of `members_left`: an equal share of the time, `longest` at most. None is no bound."""
    if deadline is None:
        return longest
    share = max(0.0, deadline - time.monotonic()) / members_left
    return share if longest is None else min(share, longest)


def refusal_of(target: Target, request: pb.GenerateRequest) -> SobanError | None:
    """Why the member can never answer this, or None."""
    try:
        target.check(request)
    except SobanError as err:
        return err
    return None


def check_any(targets: Sequence[Target], request: pb.GenerateRequest) -> None:
    """Raises what the first one says if none of them can ever answer this."""
    refusals = [refusal_of(target, request) for target in targets]
    if all(refusals) and refusals[0] is not None:
        raise refusals[0]


def most_useful(errors: Sequence[SobanError]) -> SobanError:
    """Of the errors of all members, the one to tell: the first after which a later try may succeed, else the first."""
    return next((err for err in errors if err.code in _RETRYABLE), errors[0])


def told(err: SobanError) -> dict[str, str | None]:
    """Fields of a log line on an error that its caller may never see. Only our own faults come with their message."""
    return {"reason": err.reason, "error": err.message if isinstance(err, Internal) else None}


async def is_down(target: Target) -> bool:
    """Whether a request would have to wait for its first replica. One that sleeps is not down: a request wakes it."""
    return (await target.model()).state in _DOWN
