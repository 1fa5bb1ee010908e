"""Engines quote the request when they refuse it: its sender reads that, and no log does."""

from __future__ import annotations

import logging

import grpc
import pytest

import soban.v1 as pb
from soban.runtime.errors import from_rpc_error
from unit.generation.engines.fakes.every import Cast
from unit.generation.engines.test_every_engine import every_engine, staged

QUOTED = "주민번호는 900101-1234567이고 전화는 010-1234-5678입니다"
WORDS = f"Failed to parse at: {QUOTED}"
OPTIONS = pb.GenerationOptions(max_tokens=8)
REQUEST = pb.GenerateRequest(
    model="ko", messages=[pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text=QUOTED)])], options=OPTIONS
)


def all_of(record: logging.LogRecord) -> str:
    """Message, arguments, fields, and the exception with all that it came from."""
    lines = [record.getMessage(), repr(vars(record))]
    error = record.exc_info[1] if record.exc_info else None
    while error is not None:
        lines.append(f"{error} {error!r}")
        error = error.__cause__ or error.__context__
    return "\n".join(lines)


@every_engine
@pytest.mark.parametrize("way", ["refuses", "refuses_late"])
async def test_what_an_engine_quotes_is_read_by_its_sender_alone(
    cast: Cast, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As an HTTP status and as an event, whatever the level of the log."""
    caplog.set_level(logging.DEBUG)
    fake = cast.make()
    async with staged(cast, fake) as stage:
        getattr(cast, way)(fake, WORDS)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stage.hear(REQUEST)
    error = from_rpc_error(caught.value)
    assert (error.reason, QUOTED in error.public_message) == ("INVALID_FIELD", True)
    assert "access" in {record.name.rpartition(".")[2] for record in caplog.records}
    assert [record for record in caplog.records if "900101" in all_of(record) or "010-1234" in all_of(record)] == []
