"""The error tree: unique reasons, the right details, and the same error again on the other side."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from soban.runtime import errors
from soban.runtime.details import DETAILS_KEY, clip
from soban.runtime.errors import (
    DeadlineExceeded,
    Internal,
    InvalidField,
    NoReplica,
    NotBuilt,
    QuotaExceeded,
    ServiceUnreachable,
    SobanError,
    UpstreamStatus,
    from_rpc_error,
)

RETRYABLE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}


def leaves(kind: type[SobanError] = SobanError) -> list[type[SobanError]]:
    below = kind.__subclasses__()
    return [leaf for child in below for leaf in leaves(child)] if below else [kind]


LEAVES = leaves()
IDS = [leaf.__name__ for leaf in LEAVES]


def details_of(status: status_pb2.Status) -> dict[str, Any]:
    found = {}
    for name in ("ErrorInfo", "BadRequest", "RetryInfo", "QuotaFailure"):
        detail = getattr(error_details_pb2, name)()
        if any(packed.Unpack(detail) for packed in status.details):
            found[name] = detail
    return found


def rpc_error(status: status_pb2.Status) -> grpc.aio.AioRpcError:
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    trailers = grpc.aio.Metadata((DETAILS_KEY, status.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers, status.message)


def bare_error(code: grpc.StatusCode, text: str = "?") -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), text)


def test_reasons_are_unique_and_in_the_form_google_asks_for() -> None:
    """UPPER_SNAKE_CASE, one each."""
    reasons = [leaf.reason for leaf in LEAVES]
    assert len(set(reasons)) == len(reasons)
    assert all(reason.isupper() and len(reason) <= 63 for reason in reasons)


def test_the_drawing_of_the_tree_names_every_class() -> None:
    """A new error is drawn, too."""
    drawn = errors.__doc__ or ""
    assert [leaf.__name__ for leaf in LEAVES if leaf.__name__ not in drawn] == []


@pytest.mark.parametrize("leaf", LEAVES, ids=IDS)
def test_every_error_carries_its_details(leaf: type[SobanError]) -> None:
    """ErrorInfo always, the others where the contract says so."""
    status = leaf("맛있게 드세요", field="text", metadata={"limit": "8"}).to_status()
    found = details_of(status)
    assert (found["ErrorInfo"].reason, found["ErrorInfo"].domain) == (leaf.reason, "soban")
    assert found["ErrorInfo"].metadata["limit"] == "8"
    assert ("BadRequest" in found) == (leaf.code is grpc.StatusCode.INVALID_ARGUMENT)
    assert ("RetryInfo" in found) == (leaf.code in RETRYABLE)
    assert ("QuotaFailure" in found) == (leaf is QuotaExceeded)


@pytest.mark.parametrize("leaf", LEAVES, ids=IDS)
def test_every_error_comes_back_as_it_was(leaf: type[SobanError]) -> None:
    """Class, code, reason, message, fields, retry time and metadata survive a hop."""
    sent = leaf("맛있게 드세요", violations=[("a", "x"), ("b", "y")], retry_after=2.5, metadata={"limit": "8"})
    if leaf is UpstreamStatus:
        sent = UpstreamStatus("맛있게 드세요", code=grpc.StatusCode.ABORTED, metadata={"limit": "8"})
    back = from_rpc_error(rpc_error(sent.to_status()))
    assert type(back) is leaf
    assert (back.code, back.reason, back.metadata) == (sent.code, sent.reason, sent.metadata)
    if leaf is not Internal:
        assert back.message == sent.message
    if sent.code is grpc.StatusCode.INVALID_ARGUMENT:
        assert (back.field, back.violations) == ("a", (("a", "x"), ("b", "y")))
    if sent.code in RETRYABLE:
        assert back.retry_after == 2.5


def test_retry_time_has_a_default_where_retrying_helps() -> None:
    """One second."""
    assert NoReplica("none").retry_after == 1.0
    assert InvalidField("bad").retry_after is None


def test_what_is_quoted_reaches_the_client_and_no_log() -> None:
    """Neither `str` nor `repr` show it."""
    error = InvalidField("the engine refuses the request", quoted="주민번호 900101-1234567", field="options")
    assert error.to_status().message == "the engine refuses the request: 주민번호 900101-1234567"
    assert "900101" not in f"{error} {error!r} {error.violations}"


def test_an_internal_error_tells_its_id_and_nothing_else() -> None:
    """The message stays inside, also in the details."""
    error = Internal("주민번호 900101-1234567")
    raw = error.to_status().SerializeToString()
    assert error.id in error.public_message
    assert "900101" not in error.public_message
    assert "주민번호".encode() not in raw


def test_a_quota_error_says_whose() -> None:
    """`metadata["subject"]` becomes the subject of the violation."""
    failure = details_of(QuotaExceeded("spent", metadata={"subject": "key:42"}).to_status())["QuotaFailure"]
    assert failure.violations[0].subject == "key:42"


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_a_status_without_details_keeps_its_code(code: grpc.StatusCode) -> None:
    """Except that UNKNOWN and INTERNAL are nobody's business but ours."""
    error = from_rpc_error(bare_error(code, "upstream says"))
    if code in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL):
        assert type(error) is Internal
        assert "upstream says" not in error.public_message
    else:
        assert error.code is code
        assert error.reason


def test_common_bare_statuses_get_a_name() -> None:
    """A connection that fails, a method that is missing, time that ran out."""
    kinds = {
        grpc.StatusCode.UNAVAILABLE: ServiceUnreachable,
        grpc.StatusCode.UNIMPLEMENTED: NotBuilt,
        grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    }
    assert {code: type(from_rpc_error(bare_error(code))) for code in kinds} == kinds


def test_addresses_of_the_inside_stay_inside() -> None:
    """gRPC's own text names them, or shows metadata: whatever the code, it is not handed on."""
    for code in grpc.StatusCode:
        error = from_rpc_error(bare_error(code, "Stream removed; ipv4:10.0.0.7:50062, metadata: authorization"))
        assert "10.0.0.7" not in error.public_message
        assert error.public_message


def test_a_foreign_reason_is_kept_as_it_came() -> None:
    """Domain and reason of a third party are not claimed as ours."""
    status = status_pb2.Status(code=grpc.StatusCode.ABORTED.value[0], message="no")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="QUEUE_FULL", domain="example.com"))
    back = from_rpc_error(rpc_error(status))
    assert type(back) is UpstreamStatus
    again = details_of(back.to_status())["ErrorInfo"]
    assert (again.reason, again.domain) == ("QUEUE_FULL", "example.com")


def test_a_reason_of_ours_on_another_code_is_not_believed() -> None:
    """A class is chosen only when its code is the call's."""
    status = NoReplica("x").to_status()
    status.code = grpc.StatusCode.ABORTED.value[0]
    assert from_rpc_error(rpc_error(status)).code is grpc.StatusCode.ABORTED


def test_unreadable_details_count_as_none() -> None:
    """A broken trailer is no reason to fail differently."""
    trailers = grpc.aio.Metadata((DETAILS_KEY, b"\xff\xff\xff"))
    error = grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), trailers, "gone")
    assert from_rpc_error(error).code is grpc.StatusCode.NOT_FOUND


def test_a_status_always_fits_the_trailer() -> None:
    """Eight KiB hold the details and the percent-encoded message, however long the texts are."""
    many = [(f"messages[{index}].content" * 20, "너무 길어요" * 500) for index in range(100)]
    error = InvalidField("밥" * 100_000, violations=many, metadata={f"k{i}": "값" * 9_999 for i in range(50)})
    status = error.to_status()
    assert status.ByteSize() + 3 * len(status.message.encode()) < 8 * 1024


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=400), st.integers(4, 700))
def test_clip_cuts_between_characters(text: str, limit: int) -> None:
    """Valid UTF-8 within the limit for any text, lone surrogates included."""
    cut = clip(text, limit)
    assert len(cut.encode()) <= limit
    if len(text.encode("utf-8", "replace")) <= limit:
        assert cut == text.encode("utf-8", "replace").decode()
