"""GenerationService over gRPC, in front of a fake llama.cpp server."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import soban.v1 as pb
from soban.runtime.errors import ContextOverflow, NotBuilt, from_rpc_error
from soban.runtime.telemetry import Telemetry
from unit.generation import recorded
from unit.generation.conftest import ServiceFactory, ask
from unit.generation.fake_llama import FakeLlama, Script, streaming
from unit.generation.test_prompt import NFC, NFD


def kinds(events: list[pb.StreamGenerateResponse]) -> list[str | None]:
    return [event.WhichOneof("event") for event in events]


async def failure(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_a_stream_has_start_deltas_finish_and_summary(llama: FakeLlama, service: ServiceFactory) -> None:
    """In this order, with usage and timings."""
    async with service() as running:
        llama.scripts = [streaming(recorded.chat("네", ", 맑아요", "."))]
        events = await running.stream(ask())
    assert kinds(events)[0] == "start"
    assert set(kinds(events)[1:-2]) == {"delta"}
    assert kinds(events)[-2:] == ["finish", "summary"]
    assert events[0].start.model == "ko"
    assert "".join(event.delta.text for event in events) == "네, 맑아요."
    assert events[-2].finish.finish_reason == pb.FINISH_REASON_STOP
    summary = events[-1].summary
    assert summary.usage == pb.Usage(input_tokens=35, output_tokens=4, cached_input_tokens=24)
    times = summary.timings
    assert times.total_ms >= times.first_text_ms >= times.queue_ms > 0
    assert times.total_ms + 1 >= times.queue_ms + times.prefill_ms + times.decode_ms


async def test_a_unary_call_collects_the_same(llama: FakeLlama, service: ServiceFactory) -> None:
    """Text, reasoning, tool calls, logprobs, stop text."""
    async with service() as running:
        thought = recorded.delta({"reasoning_content": "음"}, 1)
        seoul = recorded.delta(" Seoul", 2, logprobs=recorded.SEOUL_LOGPROB) + recorded.delta("\n끝", 3)
        llama.scripts = [streaming(thought + seoul, hang=True)]
        request = ask(stop=["끝"], logprobs=True)
        answer = await running.stub.Generate(request, timeout=10)
        (choice,) = answer.choices
        assert (answer.model, choice.text, choice.reasoning) == ("ko", " Seoul\n", "음")
        assert (choice.finish_reason, choice.stop_sequence) == (pb.FINISH_REASON_STOP, "끝")
        assert [told.token_id for told in choice.logprobs] == [39903]
        assert answer.summary.usage.reasoning_tokens == 1

        llama.scripts = [streaming(recorded.TOOL_CALL)]
        answer = await running.stub.Generate(ask(tools=[pb.Tool(name="weather")]), timeout=10)
        assert list(answer.choices[0].tool_calls) == [
            pb.ToolCall(id="tt1iiGPjbbz5LhHLf", name="weather", arguments='{"city":"서울"}')
        ]
        assert answer.choices[0].finish_reason == pb.FINISH_REASON_TOOL_CALLS


async def test_several_choices_have_a_finish_each_and_one_summary(llama: FakeLlama, service: ServiceFactory) -> None:
    """The prompt counts once, the output over all."""
    async with service() as running:
        events = await running.stream(ask(n=3, seed=5))
        answer = await running.stub.Generate(ask(n=2), timeout=10)
    assert kinds(events).count("start") == 1
    assert sorted(event.finish.index for event in events if event.HasField("finish")) == [0, 1, 2]
    assert events[-1].summary.usage == pb.Usage(input_tokens=35, output_tokens=9, cached_input_tokens=24)
    assert sorted(request["seed"] for request in llama.requests[:3]) == [5, 6, 7]
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert {choice.text for choice in answer.choices} == {"안녕하세요"}


async def test_errors_name_fields_of_the_request_as_it_was_sent(llama: FakeLlama, service: ServiceFactory) -> None:
    """The streamed request wraps the plain one."""
    async with service() as running:
        assert (await failure(running.stub.Generate(ask(temperature=9)))).field == "options.temperature"
        assert (await failure(running.stream(ask(temperature=9)))).field == "generate.options.temperature"
        assert (await failure(running.stream(pb.GenerateRequest()))).field == "generate.model"
        llama.scripts = [Script(status=400, body=recorded.EXCEEDS_CONTEXT)]
        error = await failure(running.stream(ask()))
    assert isinstance(error, ContextOverflow)
    assert error.field == "generate.messages"
    assert error.metadata["context_length"] == "512"


async def test_unknown_models_are_not_found(service: ServiceFactory) -> None:
    """In every method that takes a name."""
    async with service() as running:
        stub = running.stub
        for call in (
            stub.Generate(pb.GenerateRequest(model="en", prompt="hi")),
            stub.GetModel(pb.GetModelRequest(name="en")),
            stub.GetLoad(pb.GetLoadRequest(models=["en"])),
        ):
            assert (await failure(call)).reason == "MODEL_NOT_FOUND"


async def test_what_is_not_built_says_so(service: ServiceFactory) -> None:
    """By name."""
    async with service() as running:
        stub = running.stub
        assert "Embed" in (await failure(stub.Embed(pb.EmbedRequest()))).message
        regex = ask(response_format=pb.ResponseFormat(regex="[가-힣]+"))
        assert isinstance(await failure(stub.Generate(regex)), NotBuilt)


async def test_models_tell_what_may_be_asked_of_them(service: ServiceFactory) -> None:
    """From the configuration and from the engine."""
    async with service(model={"safety_policy": "strict"}) as running:
        model = (await running.stub.GetModel(pb.GetModelRequest(name="ko"))).model
        listed = (await running.stub.ListModels(pb.ListModelsRequest())).models
    assert list(listed) == [model]
    assert (model.name, model.engine, model.url, model.context_length) == ("ko", "llamacpp", "m.gguf", 2048)
    assert (model.state, model.safety_policy) == (pb.Model.STATE_READY, "strict")
    assert pb.Model.CAPABILITY_TOOLS in model.capabilities
    assert pb.Model.CAPABILITY_REGEX not in model.capabilities
    assert model.create_time.seconds > 0


async def test_load_is_counted_and_the_unknown_stays_unset(llama: FakeLlama, service: ServiceFactory) -> None:
    """An unset number is not zero."""
    async with service(model={"parallel": 1}) as running:
        llama.scripts = [streaming(recorded.ROLE, recorded.delta("네", 1), hang=True)]
        calls = [asyncio.create_task(running.stream(ask())) for _ in range(3)]
        while not llama.open_streams:
            await asyncio.sleep(0.01)
        (load,) = (await running.stub.GetLoad(pb.GetLoadRequest(models=["ko"]))).loads
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    assert (load.running, load.queued, load.slots, load.ready_replicas, load.held) == (1, 2, 1, 1, 0)
    assert not load.HasField("kv_cache_use")
    assert not load.HasField("prefill_backlog_seconds")
    assert not load.HasField("knee")


async def test_an_engine_that_is_away_is_unavailable(llama: FakeLlama, service: ServiceFactory) -> None:
    """With a time to come again, and told in the model's state."""
    llama.healthy = False
    async with service(model={"hold_seconds": 0.1}) as running:
        error = await failure(running.stream(ask()))
        model = (await running.stub.GetModel(pb.GetModelRequest(name="ko"))).model
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "NO_REPLICA")
    assert error.message == "no replica of ko is ready (away)"
    assert error.retry_after > 0
    assert model.state == pb.Model.STATE_UNAVAILABLE


async def test_a_full_queue_is_resource_exhausted(llama: FakeLlama, service: ServiceFactory) -> None:
    """With a time to come again."""
    async with service(model={"parallel": 1, "queue_limit": 0}) as running:
        llama.scripts = [streaming(recorded.ROLE, recorded.delta("네", 1), hang=True)]
        first = asyncio.create_task(running.stream(ask()))
        while not llama.open_streams:
            await asyncio.sleep(0.01)
        error = await failure(running.stream(ask()))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
    assert error.retry_after > 0


async def test_a_client_that_leaves_ends_the_work_of_the_engine(llama: FakeLlama, service: ServiceFactory) -> None:
    """Its connection is closed."""
    async with service() as running:
        llama.scripts = [streaming(recorded.ROLE, recorded.delta("네", 1), hang=True)]
        call = running.stub.StreamGenerate(pb.StreamGenerateRequest(generate=ask()))
        await call.read()
        await call.read()
        call.cancel()
        await asyncio.wait_for(llama.closed.wait(), 5)


async def test_a_passed_deadline_ends_the_work_of_the_engine(llama: FakeLlama, service: ServiceFactory) -> None:
    """DEADLINE_EXCEEDED."""
    async with service() as running:
        llama.scripts = [streaming(recorded.ROLE, hang=True)]
        error = await failure(running.stub.Generate(ask(), timeout=0.2))
        await asyncio.wait_for(llama.closed.wait(), 5)
    assert error.code == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_normalised_text_is_told(llama: FakeLlama, service: ServiceFactory) -> None:
    """The engine got NFC, also of a text that is prepared beside the event loop."""
    async with service() as running:
        events = await running.stream(ask(NFD))
        long = await running.stub.Generate(ask(NFD * 5000), timeout=10)
        plain = await running.stub.Generate(ask(NFC), timeout=10)
    assert events[-1].summary.normalized
    assert llama.requests[0]["messages"][0]["content"] == NFC
    assert long.summary.normalized
    assert not plain.summary.normalized


async def test_each_request_is_measured(llama: FakeLlama, service: ServiceFactory) -> None:
    """By the GenAI conventions, failed ones too."""
    reader = InMemoryMetricReader()
    async with service(Telemetry.of(MeterProvider([reader]), None)) as running:
        await running.stream(ask())
        llama.scripts = [Script(status=400, body=recorded.EXCEEDS_CONTEXT)]
        await failure(running.stub.Generate(pb.GenerateRequest(model="ko", prompt="안녕")))
        points = _points(reader)
    assert len(points["gen_ai.server.time_to_first_token"]) == 1
    assert len(points["gen_ai.server.time_per_output_token"]) == 1
    tokens = {point.attributes["gen_ai.token.type"]: point.sum for point in points["gen_ai.client.token.usage"]}
    assert tokens == {"input": 35, "output": 3}
    failed = [
        point.attributes for point in points["gen_ai.server.request.duration"] if "error.type" in point.attributes
    ]
    assert failed == [
        {
            "gen_ai.operation.name": "text_completion",
            "gen_ai.provider.name": "llamacpp",
            "gen_ai.request.model": "ko",
            "error.type": "CONTEXT_OVERFLOW",
        }
    ]


def _points(reader: InMemoryMetricReader) -> dict[str, Any]:
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: list(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


async def test_no_text_of_users_is_logged(
    llama: FakeLlama, service: ServiceFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither prompts nor answers, also when the engine talks nonsense or refuses."""
    secret = "주민등록번호는 900101"
    with caplog.at_level("DEBUG"):
        async with service() as running:
            for script in (
                streaming(recorded.chat(secret)),
                streaming(recorded.event(f'{{"choices": "{secret}"}}'.encode())),
                Script(status=400, body=recorded.error(400, "invalid_request_error", secret)),
                Script(status=500, body=recorded.error(500, "server_error", secret)),
            ):
                llama.scripts = [script]
                await asyncio.gather(running.stream(ask(secret)), return_exceptions=True)
    assert caplog.records
    assert secret not in caplog.text
    assert not any(secret in str(vars(record)) for record in caplog.records)
