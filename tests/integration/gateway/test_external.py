"""A gateway of Soban's as somebody else's API: engine external against a real one, in front of a real engine."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import openai
import pytest

import soban.v1 as pb
from integration.gateway.conftest import MODEL, Running
from integration.generation.engines import Service, ask, serving
from soban.runtime.errors import from_rpc_error

QUESTION = "김치찌개 어떻게 끓여?"


@contextlib.asynccontextmanager
async def external(stack: Running, model: str = MODEL, **config: Any) -> AsyncIterator[Service]:
    """A generation service that has no engine but that API."""
    given = {"engine": "external", "address": f"{stack.url}/v1", "engine_model": model, "data_leaves": False}
    async with serving("external", **given, **config) as service:
        yield service


async def test_an_answer_is_the_one_of_the_api(stack: Running, client: openai.OpenAI) -> None:
    """Word for word, with its usage and its reason."""
    asked: Any = [{"role": "user", "content": QUESTION}]
    there = client.chat.completions.create(model=MODEL, messages=asked, temperature=0, max_tokens=40)
    async with external(stack) as service:
        here = await service.generate(ask(QUESTION, temperature=0, max_tokens=40))
    assert there.usage is not None
    (choice,) = here.choices
    assert choice.text == there.choices[0].message.content
    usage = here.summary.usage
    assert (usage.input_tokens, usage.output_tokens) == (there.usage.prompt_tokens, there.usage.completion_tokens)
    assert choice.finish_reason == pb.FINISH_REASON_LENGTH or there.choices[0].finish_reason == "stop"


async def test_a_stream_stops_where_it_is_told_to(stack: Running) -> None:
    """And the text until there is the same as without."""
    async with external(stack) as service:
        whole = (await service.generate(ask(QUESTION, temperature=0, max_tokens=40))).choices[0].text
        stop = whole[len(whole) // 2 :][:3]
        events = await service.stream(ask(QUESTION, temperature=0, max_tokens=40, stop=[stop]))
    assert "".join(event.delta.text for event in events) == whole[: whole.index(stop)]
    assert events[-2].finish.stop_sequence == stop


async def test_a_model_that_the_api_has_not_never_answers(stack: Running, caplog: pytest.LogCaptureFixture) -> None:
    """By its list of models, before anything is sent. The log says more than clients may know."""
    async with external(stack, "gpt-5", hold_seconds=0.0) as service:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await service.generate(ask())
    error = from_rpc_error(caught.value)
    assert error.reason == "NO_REPLICA"
    assert error.message == "no replica of ko is ready (failing)"
    assert f"serves '{MODEL}', not 'gpt-5'" in str([vars(record).get("why") for record in caplog.records])


async def test_the_model_says_that_data_stays(stack: Running) -> None:
    """As the operator said; with dataLeaves: true it would say that data leaves."""
    async with external(stack) as service:
        model = (await service.stub.GetModel(pb.GetModelRequest(name="ko"))).model
        assert (model.engine, model.external, model.state) == ("external", False, pb.Model.STATE_READY)
    async with serving(
        "external", engine="external", address=f"{stack.url}/v1", engine_model=MODEL, data_leaves=True
    ) as service:
        assert (await service.stub.GetModel(pb.GetModelRequest(name="ko"))).model.external
