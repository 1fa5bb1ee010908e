"""Metrics, spans and log lines of the gateway: what it tells, and that text is never part of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import grpc
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import soban.v1 as pb
from soban.runtime.errors import EngineLost
from soban.runtime.telemetry import Telemetry
from unit.gateway.conftest import Stack, running_stack, say
from unit.gateway.fakes import SWEARING, finish, piece, playing, start, summary

SECRET = "비밀번호는 참외"


class Watched(NamedTuple):
    """A stack and what it reported."""

    stack: Stack
    reader: InMemoryMetricReader
    spans: InMemorySpanExporter

    def points(self, name: str) -> list[tuple[dict[str, Any], int, float]]:
        """Attributes, count and sum of each series of a histogram."""
        data = self.reader.get_metrics_data()
        metrics = [] if data is None else data.resource_metrics[0].scope_metrics[0].metrics
        return [
            (dict(point.attributes), point.count, point.sum)
            for metric in metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    reader, exporter = InMemoryMetricReader(), InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    async with running_stack(Telemetry.of(MeterProvider([reader]), tracers)) as stack:
        yield Watched(stack, reader, exporter)


CHAT_SERIES = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "soban",
    "gen_ai.response.model": "soban-demo",
}


async def test_a_chat_counts_its_tokens_its_duration_and_its_first_piece(watched: Watched) -> None:
    await watched.stack.stream(say("안녕"))
    assert [point[:2] for point in watched.points("gen_ai.client.operation.duration")] == [(CHAT_SERIES, 1)]
    first = watched.points("gen_ai.client.operation.time_to_first_chunk")
    assert [point[:2] for point in first] == [(CHAT_SERIES, 1)]
    assert watched.points("gen_ai.client.token.usage") == [
        ({**CHAT_SERIES, "gen_ai.token.type": "input"}, 1, 11),
        ({**CHAT_SERIES, "gen_ai.token.type": "output"}, 1, 7),
    ]


async def test_a_failed_chat_has_an_error_type_and_no_name_that_a_stranger_chose(watched: Watched) -> None:
    watched.stack.generation.script = playing([EngineLost("gone")])
    with pytest.raises(grpc.aio.AioRpcError):
        await watched.stack.stream(say("안녕"))
    with pytest.raises(grpc.aio.AioRpcError):
        await watched.stack.stream(say(SWEARING, model="무엇이든"))
    points = watched.points("gen_ai.client.operation.duration")
    assert "무엇이든" not in str([*points, *(span.to_json() for span in watched.spans.get_finished_spans())])
    assert {attributes["error.type"] for attributes, _, _ in points} == {"ENGINE_LOST", "MODEL_NOT_FOUND"}
    [(attributes, count)] = [point[:2] for point in points if point[0]["error.type"] == "ENGINE_LOST"]
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "soban",
        "error.type": "ENGINE_LOST",
    }
    assert count == 1


async def test_a_client_that_left_is_told_apart_from_an_error(watched: Watched) -> None:
    watched.stack.generation.script = playing([start(), piece("기다려 "), 30.0, finish(), summary()])
    async with watched.stack.http.post(
        f"{watched.stack.url}/v1/chat/completions",
        json={"model": "soban-demo", "stream": True, "messages": [{"role": "user", "content": "응"}]},
    ) as response:
        await response.content.readline()
        response.close()
    async with asyncio.timeout(5):
        while not (points := watched.points("http.server.request.duration")):
            await asyncio.sleep(0.02)
    assert points[0][0]["http.response.status_code"] == 499
    [(attributes, _, _)] = watched.points("gen_ai.client.operation.duration")
    assert attributes["error.type"] == "CANCELLED"


async def test_an_http_request_is_one_span_with_the_calls_behind_it_as_children(watched: Watched) -> None:
    body = {"model": "soban-demo", "messages": [{"role": "user", "content": SECRET}]}
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with watched.stack.http.post(
        f"{watched.stack.url}/v1/chat/completions", json=body, headers={"traceparent": parent}
    ) as response:
        assert response.status == 200
    async with asyncio.timeout(5):
        while len(found := watched.spans.get_finished_spans()) < 4:
            await asyncio.sleep(0.02)
    by_name = {span.name: span for span in found}
    root = by_name["POST /v1/chat/completions"]
    assert f"{root.context.trace_id:032x}" == parent.split("-")[1]
    assert root.attributes["gen_ai.usage.output_tokens"] == 7
    children = {name for name, span in by_name.items() if span.parent and span.parent.span_id == root.context.span_id}
    assert children == {
        "soban.v1.SafetyService/Check",
        "soban.v1.SafetyService/Filter",
        "soban.v1.GenerationService/StreamGenerate",
    }
    header = watched.stack.generation.metadata["traceparent"]
    called = by_name["soban.v1.GenerationService/StreamGenerate"].context
    assert header.split("-")[1:3] == [f"{called.trace_id:032x}", f"{called.span_id:016x}"]
    assert SECRET not in str([span.to_json() for span in found])


async def test_http_requests_are_recorded_by_route_not_by_path(watched: Watched) -> None:
    for path in ("/v1/models/soban-demo", "/nowhere/1", "/nowhere/2"):
        async with watched.stack.http.get(watched.stack.url + path):
            pass
    series = {
        (attributes["http.route"], attributes["http.response.status_code"], count)
        for attributes, count, _ in watched.points("http.server.request.duration")
    }
    assert series == {("/v1/models/{name}", 200, 1), ("_OTHER", 404, 2)}


def telling(text: str) -> pb.ChatRequest:
    """A request that holds `text` wherever a client can put some."""
    chat = say(text, user=text, session=text, labels={"note": text, text: "x"})
    chat.messages[0].name = text
    chat.messages.append(pb.Message(role=pb.ROLE_ASSISTANT, tool_calls=[pb.ToolCall(id=text, name=text)]))
    chat.options.tools.append(pb.Tool(name=text, description=text))
    return chat


def telling_in_json(text: str) -> dict[str, Any]:
    return {
        "model": "soban-demo",
        "messages": [{"role": "user", "content": text, "name": text}],
        "user": text,
        "safety_identifier": text,
        "prompt_cache_key": text,
        "metadata": {"note": text},
        "tools": [{"type": "function", "function": {"name": text}}],
    }


async def test_log_lines_and_signals_hold_nothing_of_the_request(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither text, nor who asked, nor names that the client chose; blocked or not, known model or not."""
    caplog.set_level(logging.DEBUG)
    for text in (SECRET, f"{SECRET} {SWEARING}"):
        await watched.stack.post("/v1/chat/completions", telling_in_json(text))
        await watched.stack.post("/v1/chat/completions", {**telling_in_json(text), "model": text})
        await watched.stack.stream(telling(text))
        with pytest.raises(grpc.aio.AioRpcError):
            await watched.stack.stream(say(text, model=text))
    told = str([vars(record) for record in caplog.records])
    assert "POST /v1/chat/completions" in told
    assert "참외" not in told
    shown = watched.points("gen_ai.client.operation.duration"), watched.points("http.server.request.duration")
    assert "참외" not in str([shown, [span.to_json() for span in watched.spans.get_finished_spans()]])


async def test_a_chat_is_one_line_for_accounting(caplog: pytest.LogCaptureFixture) -> None:
    """Its user can be told from others, not read; of the labels it shows those that the operator listed."""
    caplog.set_level(logging.INFO)
    async with running_stack(log_labels=("team",), log_user_salt="소금") as stack:
        for user in ("u-1", "u-1", "u-2"):
            chat = say("안녕", user=user, labels={"team": "support", "note": "x"})
            await stack.stream(chat, metadata=(("x-request-id", "req-3"),))
    lines = [vars(record) for record in caplog.records if record.name == "soban.usage"]
    wanted = {"request_id": "req-3", "model": "soban-demo", "labels": {"team": "support"}}
    assert all(
        {**wanted, "input_tokens": 11, "output_tokens": 7, "reason": None}.items() <= line.items() for line in lines
    )
    first, again, other = (line["user"] for line in lines)
    assert first == again != other
    assert len(first) == 16


async def test_the_line_for_accounting_has_cost_tenant_and_the_model_that_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By its own name, beside the route that was asked for."""
    caplog.set_level(logging.INFO)
    cost = pb.Cost(krw_micros=2_500_000, usd_micros=1_800, engine_seconds=0.12345678)
    async with running_stack(tenant_label="team") as stack:
        stack.generation.script = playing([start("ko-8b"), piece("네."), finish(), summary(cost=cost, resumes=2)])
        await stack.stream(say("안녕", labels={"team": "support"}))
        stack.generation.script = playing([start(), piece("네.", input_tokens=9), EngineLost("died")])
        with pytest.raises(grpc.aio.AioRpcError):
            await stack.stream(say("안녕"))
    told, lost = (vars(record) for record in caplog.records if record.name == "soban.usage")
    wanted = {"model": "ko-8b", "requested_model": "soban-demo", "tenant": "support", "cached_input_tokens": 3}
    costs = {"krw_micros": 2_500_000, "usd_micros": 1_800, "engine_seconds": 0.123457, "resumes": 2}
    assert {**wanted, **costs}.items() <= told.items()
    assert {"input_tokens": 9, "output_tokens": 1, "reason": "ENGINE_LOST", "tenant": None}.items() <= lost.items()
    assert "krw_micros" not in lost


async def test_a_tenant_that_is_no_name_is_told_apart_and_not_read(caplog: pytest.LogCaptureFixture) -> None:
    """Clients may put anything into the label: a sentence, a person, a number to call."""
    caplog.set_level(logging.DEBUG)
    texts = (
        "상담은 김소반 과장에게 부탁해요",
        "비밀팀 010-1111-2222",
        "010-1111-2222",
        "010-1111-2222",
        "kim@soban.kr",
    )
    async with running_stack(tenant_label="team") as stack:
        for text in texts:
            await stack.stream(say("안녕", labels={"team": text}))
    told = [vars(record)["tenant"] for record in caplog.records if record.name == "soban.usage"]
    assert [len(tenant) for tenant in told] == [16] * len(texts)
    assert told[2] == told[3]
    assert len(set(told)) == len(set(texts))
    everything = str([vars(record) for record in caplog.records])
    assert not any(text in everything for text in ("김소반", "010-1111", "kim@"))


async def test_an_answer_without_text_has_no_time_of_its_first_text(watched: Watched) -> None:
    watched.stack.generation.script = playing([start(), finish(), summary()])
    events = await watched.stack.stream(say("안녕"))
    assert events[-1].summary.timings.first_text_ms == 0
