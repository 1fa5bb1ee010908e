"""Every error has its status, its reason and the path of its field, and the server lives on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

import soban.v1 as pb
from integration.tokenization.server import user
from soban.runtime.errors import SobanError, from_rpc_error
from soban.tokenization.tokenization import TOKENIZATION_SERVICE

DEMO = "soban-demo"
TOO_LONG = "가" * 1_333_334
INVALID, NOT_FOUND, UNIMPLEMENTED = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNIMPLEMENTED,
)


async def refused(call: Any) -> SobanError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


@pytest.mark.parametrize(
    ("method", "request_", "expected"),
    [
        ("Analyze", pb.AnalyzeRequest(text=TOO_LONG), (INVALID, "TEXT_TOO_LONG", "text")),
        ("Analyze", pb.AnalyzeRequest(options={"top_n": -1}), (INVALID, "INVALID_FIELD", "options.top_n")),
        ("Analyze", pb.AnalyzeRequest(options={"dialects": ["jeju"]}), (UNIMPLEMENTED, "NOT_BUILT", None)),
        ("AnalyzeBatch", pb.AnalyzeBatchRequest(), (INVALID, "INVALID_FIELD", "texts")),
        ("SplitSentences", pb.SplitSentencesRequest(text=TOO_LONG), (INVALID, "TEXT_TOO_LONG", "text")),
        ("Encode", pb.EncodeRequest(model="없음", texts=["밥"]), (NOT_FOUND, "MODEL_NOT_FOUND", None)),
        ("Encode", pb.EncodeRequest(model="bare", texts=["밥"]), (NOT_FOUND, "TOKENIZER_NOT_FOUND", None)),
        ("Encode", pb.EncodeRequest(model=DEMO, texts=["밥", TOO_LONG]), (INVALID, "TEXT_TOO_LONG", "texts[1]")),
        ("Decode", pb.DecodeRequest(model=DEMO, token_ids=[1, 2**31]), (INVALID, "INVALID_FIELD", "token_ids[1]")),
        ("CountTokens", pb.CountTokensRequest(texts=["밥"]), (INVALID, "INVALID_FIELD", "model")),
        ("CountTokens", pb.CountTokensRequest(model=DEMO), (INVALID, "INVALID_FIELD", "texts")),
        ("RenderChat", pb.RenderChatRequest(model=DEMO), (INVALID, "INVALID_FIELD", "messages")),
    ],
)
async def test_errors(stub: Any, method: str, request_: Any, expected: tuple[Any, ...]) -> None:
    """One of each kind: code, reason, field."""
    error = await refused(getattr(stub, method)(request_, timeout=30))
    assert (error.code, error.reason, error.field) == expected
    assert await alive(stub)


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("CorrectSpacing", pb.CorrectSpacingRequest()),
        ("Revise", pb.ReviseRequest()),
        ("Normalize", pb.NormalizeRequest()),
        ("ExtractKeywords", pb.ExtractKeywordsRequest()),
        ("Join", pb.JoinRequest()),
        ("Chunk", pb.ChunkRequest()),
        ("Truncate", pb.TruncateRequest()),
        ("CreateDictionary", pb.CreateDictionaryRequest()),
        ("GetDictionary", pb.GetDictionaryRequest()),
        ("ListDictionaries", pb.ListDictionariesRequest()),
        ("DeleteDictionary", pb.DeleteDictionaryRequest()),
    ],
)
async def test_what_is_not_built_is_named(stub: Any, method: str, request_: Any) -> None:
    """By its method."""
    error = await refused(getattr(stub, method)(request_, timeout=30))
    assert (error.code, error.reason) == (UNIMPLEMENTED, "NOT_BUILT")
    assert error.metadata["method"] == f"{TOKENIZATION_SERVICE}/{method}"


@pytest.mark.parametrize("method", ["AnalyzeStream", "DecodeStream", "ExtractWords"])
async def test_streams_that_are_not_built_are_named(stub: Any, method: str) -> None:
    """They end at once."""

    async def nothing() -> AsyncIterator[Any]:
        return
        yield

    call = getattr(stub, method)(nothing(), timeout=30)
    error = await refused(call if method == "ExtractWords" else call.read())
    assert error.reason == "NOT_BUILT"


async def test_text_that_is_no_utf8_is_refused(channel: grpc.aio.Channel, stub: Any) -> None:
    """Such as a lone surrogate, which a client's library would not even send."""
    raw = channel.unary_unary(f"/{TOKENIZATION_SERVICE}/Analyze")
    for text in (b"\xed\xa0\x80", b"\xff", "밥".encode()[:2]):
        error = await refused(raw(b"\x0a" + bytes([len(text)]) + text, timeout=30))
        assert (error.code, error.reason) == (INVALID, "INVALID_MESSAGE")
    assert await alive(stub)


async def test_one_bad_text_of_a_batch_fails_alone(stub: Any) -> None:
    """The call succeeds."""
    answer = await stub.AnalyzeBatch(pb.AnalyzeBatchRequest(texts=["비가 온다", TOO_LONG, ""]), timeout=60)
    assert [result.WhichOneof("result") for result in answer.results] == ["response", "error", "response"]
    assert (answer.results[1].error.reason, answer.results[1].error.field) == ("TEXT_TOO_LONG", "texts[1]")


async def alive(stub: Any) -> bool:
    answer = await stub.CountTokens(pb.CountTokensRequest(model=DEMO, messages=[user("안녕")]), timeout=30)
    return bool(answer.total > 0)
